# The lab: every folder modules/NAME with a module.toml is a module, its tests/*.cpp are linked with
# the harness into lab_NAME, the module's tests against the reference. `tito test` links the same
# objects with a student's files before the library: lab/NAME.link names them, one argument a line,
# with @student@ where the student's objects go. Its profile is the preset `dev`. The target `lab`
# builds all of that and touches lab/stamp, so that the tool sees when it is out of date.
file(GLOB TINYTORCH_MANIFESTS CONFIGURE_DEPENDS modules/*/module.toml)
add_custom_target(lab COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/lab/stamp)
add_library(lab_harness OBJECT EXCLUDE_FROM_ALL modules/harness/check.cpp modules/harness/main.cpp)
target_link_libraries(lab_harness PRIVATE tinytorch tinytorch_flags fmt::fmt hwy::hwy)
target_include_directories(lab_harness PRIVATE ${PROJECT_SOURCE_DIR})
# The standard library's part of a student's file, which is most of what it takes to compile it;
# `tito test` names this header to the compiler too. None of our own headers: those a lab may change.
target_precompile_headers(lab_harness PRIVATE <algorithm> <atomic> <cmath> <cstdint> <functional>
  <memory> <mutex> <optional> <span> <string> <string_view> <utility> <vector>)
target_compile_options(lab_harness PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/lab/compiler CONTENT "${CMAKE_CXX_COMPILER}\n")

string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}")
if(TINYTORCH_MOLD)
  string(APPEND flags " -fuse-ld=mold")
endif()
string(REGEX REPLACE " +" ";" flags "${flags}")

foreach(manifest IN LISTS TINYTORCH_MANIFESTS)
  cmake_path(GET manifest PARENT_PATH folder)
  cmake_path(GET folder FILENAME name)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/tests/*.cpp)
  add_executable(lab_${name} EXCLUDE_FROM_ALL ${sources} $<TARGET_OBJECTS:lab_harness>)
  target_link_libraries(lab_${name} PRIVATE tinytorch tinytorch_flags fmt::fmt hwy::hwy)
  target_include_directories(lab_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  add_dependencies(lab lab_${name})
  set(objects "$<FILTER:$<TARGET_OBJECTS:lab_${name}>;$<TARGET_OBJECTS:lab_harness>,INCLUDE,[.]o$>")
  list(JOIN flags "\n" flag_lines)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/lab/${name}.link CONTENT "${CMAKE_CXX_COMPILER}
${flag_lines}
$<JOIN:${objects},\n>
@student@
$<TARGET_FILE:tinytorch>
$<TARGET_FILE:fmt::fmt>
$<TARGET_FILE:hwy::hwy>
$<TARGET_FILE:ZLIB::ZLIB>
${CMAKE_THREAD_LIBS_INIT}
")
endforeach()
