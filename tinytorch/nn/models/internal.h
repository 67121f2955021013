#pragma once
#include "tinytorch/nn/models.h"

namespace tinytorch::nn {

std::shared_ptr<Module> make_resnet20(const ModelSpec& spec);
std::shared_ptr<Module> make_gpt(const ModelSpec& spec);

}  // namespace tinytorch::nn
