#pragma once
// CIFAR-10's binary version: records of one label byte (0 to 9) and 3,072 pixel bytes (red, green
// and blue planes of 32 x 32). Source: A. Krizhevsky, "Learning multiple layers of features from
// tiny images", 2009, and the data set's page.
#include "tinytorch/data/idx.h"

namespace tinytorch::data {

// One batch file: images u8 (n, 3, 32, 32) and labels u8 (n).
LabeledImages read_cifar10(const std::string& path);
LabeledImages parse_cifar10(Bytes bytes, std::string_view name);

// data_batch_1.bin to data_batch_5.bin and test_batch.bin of a folder.
ImageSplits read_cifar10_folder(const std::string& folder);

}  // namespace tinytorch::data
