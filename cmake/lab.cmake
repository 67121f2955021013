# The lab: every folder modules/NAME with a module.toml is a module. Its programs, linked with the
# reference here:
#   lab_NAME           tests/*.cpp: the module's tests
#   lab_NAME_hunt_ID   debug/ID.fixed.cpp and debug/ID.tests.cpp: a seeded defect, mended
#   lab_NAME_measure   measure/*.cpp    (release)
#   lab_NAME_grade     grade/*.cpp      (release)
# and every folder milestones/NAME with a milestone.toml is a milestone:
#   lab_milestone_NAME main.cpp         (release)
# The tool links the same objects with a student's files before the library: lab/PROGRAM.link names
# them, one argument a line, with @student@ where the student's objects go. The target `lab` builds
# all of that and touches lab/stamp, so that the tool sees when it is out of date. Profile `test` is
# the preset `dev`, profile `release` the preset of that name.
file(GLOB TINYTORCH_MANIFESTS CONFIGURE_DEPENDS modules/*/module.toml)
add_custom_target(lab COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/lab/stamp)
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/lab/compiler CONTENT "${CMAKE_CXX_COMPILER}\n")

set(TINYTORCH_LAB_LIBRARIES tinytorch tinytorch_flags fmt::fmt hwy::hwy)
function(tinytorch_lab_target target)
  target_link_libraries(${target} PRIVATE ${TINYTORCH_LAB_LIBRARIES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  # g++ 12 sees overflows in the building of texts where there are none.
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow>)
endfunction()
function(tinytorch_lab_harness kind)
  add_library(lab_harness_${kind} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  tinytorch_lab_target(lab_harness_${kind})
endfunction()
tinytorch_lab_harness(tests modules/harness/check.cpp modules/harness/main.cpp)
tinytorch_lab_harness(measure modules/harness/measure.cpp)
tinytorch_lab_harness(grade modules/harness/exercise.cpp modules/harness/confine.cpp)
tinytorch_lab_harness(milestone milestones/evidence.cpp modules/harness/reach.cpp)

# The standard library's part of a student's file is most of what it takes to compile it; the library
# has it precompiled with the profile's flags. To judge many variants quickly, here it is with -O1.
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/lab/empty.cpp CONTENT "")
add_library(lab_pch_quick OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/lab/empty.cpp)
target_link_libraries(lab_pch_quick PRIVATE tinytorch_flags fmt::fmt hwy::hwy)
target_precompile_headers(lab_pch_quick PRIVATE ${TINYTORCH_COMMON_HEADERS})
target_compile_options(lab_pch_quick PRIVATE -O1 $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
add_dependencies(lab lab_pch_quick)

# Before the library: a function of the standard library that fmt refers to would else be taken from an
# object of ours that happens to hold a copy, and with it the reference of what the student wrote.
include(CheckCXXSymbolExists)
check_cxx_symbol_exists(__GLIBCXX__ string TINYTORCH_GLIBCXX)
set(TINYTORCH_LAB_STANDARD_LIBRARY $<$<BOOL:${TINYTORCH_GLIBCXX}>:-lstdc++>)

string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
set(flags "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}")
if(TINYTORCH_MOLD)
  string(APPEND flags " -fuse-ld=mold")
endif()
string(REGEX REPLACE " +" ";" TINYTORCH_LAB_FLAGS "${flags}")

# tinytorch_lab_program(PROGRAM KIND OWN COMMON): OWN takes the student's place in the reference's
# program and is no part of the link line.
function(tinytorch_lab_program program kind own common)
  set(name lab_${program})
  add_executable(${name} EXCLUDE_FROM_ALL ${own} $<TARGET_OBJECTS:lab_harness_${kind}>)
  add_library(${name}_objects OBJECT EXCLUDE_FROM_ALL ${common})
  tinytorch_lab_target(${name})
  tinytorch_lab_target(${name}_objects)
  target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_objects>)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_dependencies(lab ${name})
  set(objects "$<TARGET_OBJECTS:${name}_objects>;$<FILTER:$<TARGET_OBJECTS:lab_harness_${kind}>,INCLUDE,[.]o$>")
  list(JOIN TINYTORCH_LAB_FLAGS "\n" flag_lines)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/lab/${program}.link CONTENT "${CMAKE_CXX_COMPILER}
${flag_lines}
$<JOIN:${objects},\n>
@student@
${TINYTORCH_LAB_STANDARD_LIBRARY}
$<TARGET_FILE:tinytorch>
$<TARGET_FILE:fmt::fmt>
$<TARGET_FILE:hwy::hwy>
$<TARGET_FILE:ZLIB::ZLIB>
${CMAKE_THREAD_LIBS_INIT}
")
endfunction()

foreach(manifest IN LISTS TINYTORCH_MANIFESTS)
  cmake_path(GET manifest PARENT_PATH folder)
  cmake_path(GET folder FILENAME name)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/tests/*.cpp)
  tinytorch_lab_program(${name} tests "" "${sources}")
  file(GLOB hunts CONFIGURE_DEPENDS ${folder}/debug/*.fixed.cpp
    ${TINYTORCH_REFERENCE}/modules/${name}/debug/*.fixed.cpp)
  foreach(fixed IN LISTS hunts)
    cmake_path(GET fixed FILENAME id)
    string(REGEX REPLACE "[.]fixed[.]cpp$" "" id ${id})
    tinytorch_lab_program(${name}_hunt_${id} tests ${fixed} ${folder}/debug/${id}.tests.cpp)
  endforeach()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    continue()
  endif()
  foreach(kind measure grade)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/${kind}/*.cpp)
    if(sources)
      tinytorch_lab_program(${name}_${kind} ${kind} "" "${sources}")
    endif()
  endforeach()
endforeach()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  file(GLOB milestones CONFIGURE_DEPENDS milestones/*/milestone.toml)
  foreach(manifest IN LISTS milestones)
    cmake_path(GET manifest PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    tinytorch_lab_program(milestone_${name} milestone "" "${folder}/main.cpp")
  endforeach()
endif()
