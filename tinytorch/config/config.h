#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinytorch {

// The settings of an experiment: a TOML file, then the environment, then the command line, each
// over the one before. Keys are dotted paths ("train.batch_size"). Reading a key makes it known;
// after all parts of a program have read theirs, reject_unknown() refuses what nobody asked for.
// Errors are ConfigErrors that begin with the place of the value ("mlp.toml:3:8"). A value type T
// is std::string, bool, int64_t, double, or std::vector of string, int64_t or double; an integer
// serves as a double, nothing else converts.
class Config {
 public:
  Config();
  ~Config();
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;

  static Config load(const std::string& path);  // IoError when unreadable
  static Config parse(std::string_view toml, const std::string& name);

  // "a.b=VALUE". VALUE is read as TOML; what is not TOML (adam, runs/1) is taken as a string.
  void override_with(const std::string& assignment, const std::string& origin = "command line");
  // Every variable TINYTORCH__TABLE__KEY=VALUE sets table.key: TINYTORCH__TRAIN__BATCH_SIZE=32.
  void override_from_environment();
  // Gives a key a value that follows from elsewhere (a size from the data) and makes it known. The
  // user's value stays when there is one.
  template <class T>
  void set_default(std::string_view key, const T& value);

  // Makes a key known whose default, for want of a value, followed from other settings: dump()
  // shows it as a comment, so that it follows anew where those have changed.
  template <class T>
  void note(std::string_view key, const T& value) const;

  bool has(std::string_view key) const;
  template <class T>
  T get(std::string_view key) const;  // ConfigError when it is missing
  template <class T>
  T get(std::string_view key, T otherwise) const;  // the default becomes part of dump()
  std::string get(std::string_view key, const char* otherwise) const {
    return get<std::string>(key, otherwise);
  }
  template <class T>
  std::optional<T> find(std::string_view key) const;  // nothing when missing, nothing in dump()
  // A string that must be one of `choices`; the error names the nearest.
  std::string choice(std::string_view key, const std::vector<std::string>& choices,
                     const std::string& otherwise) const;
  // An integer of at least `least`.
  int64_t get_at_least(std::string_view key, int64_t least, int64_t otherwise) const;
  int64_t get_between(std::string_view key, int64_t least, int64_t most, int64_t otherwise) const;

  // How many tables a list [[key]] has; their keys are "key.0.name". ConfigError for a gap.
  int64_t count_tables(std::string_view key) const;
  // Refuses a value for a reason that only the reader knows: "PLACE: KEY: WHY".
  [[noreturn]] void refuse(std::string_view key, const std::string& why) const;
  // For a key that is missing: ConfigError for one of its table that is not known (yet) and looks
  // like it.
  void reject_misspelt(std::string_view key) const;
  // ConfigError for a table, or a key outside of tables, that is none of `names`.
  void reject_other_tables(const std::vector<std::string>& names) const;
  // ConfigError for the first key (in the order of the places) that was given but never read; names
  // the nearest known key.
  void reject_unknown() const;

  // The resolved settings as TOML: what was given and the defaults that were read. Parsing it gives
  // the same settings.
  std::string dump() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tinytorch
