#pragma once
// What the tool prints. People's text goes to standard output, progress and errors to standard
// error; with --json, standard output carries one object and nothing else.
#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tinytorch::cli {

using Json = nlohmann::ordered_json;

// From here on everything that is written to standard output goes to standard error, so that
// nothing a library prints can spoil the object. main() calls it when --json is given.
void reserve_stdout_for_json();
void give_stdout_back();  // for a command that hands over to another program

// Prints the one object of this run. IoError when standard output cannot take it.
void print_json(const Json& object);
bool json_printed();
// In a signal's handler: the object of a run that ends here, where there is none yet.
void print_interrupted_json() noexcept;

bool is_terminal(FILE* stream);
bool use_color(FILE* stream);  // a terminal, NO_COLOR not set, TERM not "dumb"

// `text` with each line behind `indent` blanks; on a terminal, broken between words to its width.
std::string indented(FILE* stream, size_t indent, const std::string& text);

enum class Style { kBold, kDim, kRed, kGreen, kYellow };
std::string styled(FILE* stream, Style style, const std::string& text);

}  // namespace tinytorch::cli
