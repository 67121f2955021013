#pragma once
// The structures of DLPack (before its version 1), as its description lays them out: how libraries
// hand tensors to each other in one process. Source: github.com/dmlc/dlpack, include/dlpack.
#include <cstdint>

namespace tinytorch::python::dlpack {

struct Device {
  int32_t type, id;
};
constexpr int32_t kCpu = 1;

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
enum Code : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kBool = 6 };

struct View {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major without gaps
  uint64_t byte_offset;
};

struct Managed {
  View view;
  void* context;
  void (*drop)(Managed* self);
};

// A capsule of a Managed has this name until someone has taken it over.
constexpr const char* kFresh = "dltensor";
constexpr const char* kUsed = "used_dltensor";

}  // namespace tinytorch::python::dlpack
