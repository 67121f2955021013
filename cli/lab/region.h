#pragma once
// Regions: the parts of a framework file that students write, between the lines
// `// tito:begin 3.2` and `// tito:end 3.2`.
#include <string>
#include <string_view>
#include <vector>

namespace tinytorch::lab {

struct Region {
  std::string id;
  size_t begin, end;  // its body is lines [begin, end), counted from 0; the markers stand around it
  bool is_helpers() const { return id.ends_with(".0"); }  // space for the student's own helpers
};

struct SourceFile {
  std::string name;  // as error texts and #line show it
  std::vector<std::string> lines;
  std::vector<Region> regions;  // in the order of the file

  const Region* find(std::string_view id) const;  // nullptr when there is none
  std::string body(const Region& region) const;
};

// IoError ("NAME:LINE: ...") for markers that are not balanced and for an id that stands twice.
SourceFile parse_source(std::string_view text, const std::string& name);

// The code's tokens with a blank between them: comments, layout and the seams of string literals
// are gone, so that two texts are equal when a compiler would see the same.
std::string tokens(std::string_view code);

// Why a body cannot stand for whole statements ("a '{' is not closed"); empty when it can.
std::string why_not_whole(std::string_view body);

std::string read_text(const std::string& path);  // IoError

}  // namespace tinytorch::lab
