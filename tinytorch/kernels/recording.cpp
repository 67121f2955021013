#include "tinytorch/kernels/recording.h"

namespace tinytorch::kernels {

thread_local constinit Recording* t_recording = nullptr;

}  // namespace tinytorch::kernels
