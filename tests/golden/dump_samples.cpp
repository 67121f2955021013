// Writes the inputs of every sample of the op table, and those of the random cases with their
// PyTorch calls, to a safetensors file: what make_golden.py feeds to PyTorch. Usage: dump_samples
// FILE
#include <cstdio>

#include "tests/golden/random_cases.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/ops/op.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: dump_samples FILE\n"), 2;
  tt::data::TensorFile file;
  for (const tt::OpInfo* op : tt::all_ops()) {
    tt::SampleMaker maker;
    for (const tt::Sample& sample : op->samples(maker))
      for (size_t i = 0; i < sample.inputs.size(); ++i)
        file.tensors.emplace_back(
            std::string(op->name) + ": " + sample.label + "|" + std::to_string(i),
            sample.inputs[i].contiguous());
  }
  for (const tt::golden::RandomCase& c : tt::golden::random_cases()) {
    file.metadata[c.name] = c.python;
    for (size_t i = 0; i < c.inputs.size(); ++i)
      file.tensors.emplace_back(c.name + "|" + std::to_string(i), c.inputs[i]);
  }
  tt::data::write_safetensors(argv[1], file);
}
