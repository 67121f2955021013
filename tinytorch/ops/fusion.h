#pragma once

namespace tinytorch {

// Whether several operations run as one kernel where that pays: a layer with its activation,
// convolution with ReLU and pooling, cross-entropy with its gradient.
bool fusion_enabled();
void set_fusion(bool on);  // process-wide; a lab turns it off

}  // namespace tinytorch
