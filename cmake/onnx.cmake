# tinytorch/onnx/: models of ONNX, where protobuf and ONNX's schema (Debian: libprotobuf-dev,
# libonnx-dev) are found. TINYTORCH_WITH_ONNX=ON asks for it, OFF leaves it out.
if(NOT TINYTORCH_WITH_ONNX)
  return()
endif()
set(required "")
if(NOT TINYTORCH_WITH_ONNX STREQUAL "AUTO")
  set(required REQUIRED)
endif()
find_package(Protobuf QUIET ${required})
if(Protobuf_FOUND)  # ONNX's package names its target
  find_package(ONNX QUIET ${required})
endif()
if(NOT TARGET onnx_proto)
  return()
endif()
add_library(tinytorch_onnx STATIC ${TINYTORCH_ONNX_SOURCES})
add_library(TinyTorch::onnx ALIAS tinytorch_onnx)
set_target_properties(tinytorch_onnx PROPERTIES EXPORT_NAME onnx)
target_link_libraries(tinytorch_onnx PUBLIC tinytorch
  PRIVATE $<BUILD_INTERFACE:tinytorch_flags> fmt::fmt onnx_proto)
target_compile_definitions(tinytorch_onnx PRIVATE ONNX_NAMESPACE=onnx ONNX_ML=1)
if(PROJECT_IS_TOP_LEVEL)
  target_precompile_headers(tinytorch_onnx PRIVATE <algorithm> <cmath> <functional> <memory> <span>
    <string> <string_view> <vector>)
  target_compile_options(tinytorch_onnx PRIVATE $<$<CONFIG:Release>:-O2>
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()
