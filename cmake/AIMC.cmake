# Settings that every room shares. Included by the root and by runtime/ when it is built alone.
include_guard(GLOBAL)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

# An installed tree is found by its own programs wherever it is put: nothing in it names the build.
# Programs lie in bin, libraries in lib.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")

find_program(AIMC_CCACHE ccache)
if(AIMC_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${AIMC_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${AIMC_CCACHE}")
endif()
option(AIMC_WERROR "Treat warnings as errors" OFF)

# Half of what the runtime's units cost a compiler is the headers of others. They are not precompiled
# everywhere, because ccache does not keep units that use a precompiled header.
option(AIMC_PRECOMPILE "Compile headers of other projects once for each target" OFF)
function(aimc_precompile target)
  if(AIMC_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# Warnings for our own targets only.
function(aimc_target_defaults target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees an overlap in `"literal" + std::string` that is not there (GCC bug 105651).
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  endif()
  if(AIMC_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
