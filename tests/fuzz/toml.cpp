// The first line is an override of the command line, the rest a file.
#include "tests/fuzz/fuzz.h"
#include "tinytorch/config/config.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text = data::as_text(fuzz::bytes_of(bytes, size));
  const size_t end = text.find('\n');
  return fuzz::feed<ConfigError>([&] {
    Config config = Config::parse(end == text.npos ? "" : text.substr(end + 1), "input.toml");
    config.override_with(std::string(text.substr(0, end)));
    // What was accepted can be saved and read back as the same settings.
    const std::string dump = config.dump();
    try {
      fuzz::require(Config::parse(dump, "dump").dump() == dump);
    } catch (const ConfigError&) {
      fuzz::require(false);
    }
    config.reject_unknown();
  });
}
