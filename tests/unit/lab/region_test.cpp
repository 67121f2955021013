// Regions of source files, the starters and the overlays made from them.
#include "cli/lab/region.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "cli/lab/generate.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace {

constexpr const char* kReference =
    "#include <vector>\n"
    "// tito:begin 1.0\n"
    "// tito:end 1.0\n"
    "int f(int x) {\n"
    "  // tito:begin 1.1\n"
    "  return x + 1;\n"
    "  // tito:end 1.1\n"
    "}\n"
    "int g() {\n"
    "  // tito:begin 1.2\n"
    "  return 2;\n"
    "  // tito:end 1.2\n"
    "}\n";

Module one_task() {
  Module module;
  module.order = 1;
  module.tasks.push_back({});
  module.tasks[0].id = "1.1";
  module.tasks[0].regions = {"1.1"};
  module.tasks[0].title = "successor";
  module.tasks[0].hints = {"What is \"next\"?", "", ""};
  return module;
}

std::string refusal(const std::string& text) {
  try {
    parse_source(text, "x.cpp");
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}

TEST(Region, ParsesBodies) {
  const SourceFile file = parse_source(kReference, "x.cpp");
  ASSERT_EQ(file.regions.size(), 3U);
  EXPECT_EQ(file.body(*file.find("1.1")), "  return x + 1;\n");
  EXPECT_EQ(file.body(*file.find("1.0")), "");
  EXPECT_TRUE(file.find("1.0")->is_helpers());
  EXPECT_EQ(file.find("1.3"), nullptr);
}

TEST(Region, RefusesMarkersThatDoNotPair) {
  EXPECT_EQ(refusal("// tito:begin 1.1\n"), "x.cpp:1: region 1.1 has no end.");
  EXPECT_EQ(refusal("\n// tito:end 1.1\n"), "x.cpp:2: the end of region 1.1 has no beginning.");
  EXPECT_EQ(refusal("// tito:begin 1.1\n// tito:begin 1.2\n"),
            "x.cpp:2: region 1.1 is still open here.");
  EXPECT_EQ(refusal("// tito:begin 1.1\n// tito:end 1.2\n"),
            "x.cpp:2: the end of region 1.2 has no beginning.");
  EXPECT_EQ(refusal("// tito:begin 1.1\n// tito:end 1.1\n// tito:begin 1.1\n// tito:end 1.1\n"),
            "x.cpp:3: region 1.1 stands here a second time.");
}

TEST(Region, TokensIgnoreLayoutAndComments) {
  EXPECT_EQ(tokens("a+b; // note\n/* more */ c"), tokens("a + b;\n  c"));
  EXPECT_NE(tokens("\"a b\""), tokens("\"a  b\""));
  EXPECT_NE(tokens("ab"), tokens("a b"));
  EXPECT_EQ(tokens("f(\"one \"\n  \"two\");"), tokens("f(\"one two\");"));
  EXPECT_NE(tokens("f(\"one\", \"two\");"), tokens("f(\"onetwo\");"));
  EXPECT_EQ(tokens("\"// no comment\" x"), "\"// no comment\" x");
  EXPECT_EQ(tokens("'\\'' 1'000 R\"(a\" b)\""), "'\\'' 1'000 R\"(a\" b)\"");
  EXPECT_EQ(tokens(" // all of it\n"), "");
}

TEST(Region, WholeStatementsOnly) {
  EXPECT_EQ(why_not_whole("if (x) { f(); }"), "");
  EXPECT_EQ(why_not_whole("return \"}\";"), "");
  EXPECT_EQ(why_not_whole(""), "");
  EXPECT_EQ(why_not_whole("if (x) {"), "a '}' is missing");
  EXPECT_EQ(why_not_whole("} int g() {"), "a '}' closes nothing");
  EXPECT_EQ(why_not_whole("f(];"), "a ']' closes nothing");
  EXPECT_EQ(why_not_whole("return 1"), "its last statement has no ';'");
  EXPECT_EQ(why_not_whole("#if A\nf();\n#else\ng();\n  #endif\n\n"), "");
  EXPECT_EQ(why_not_whole("#if A\nf()\n#endif"), "its last statement has no ';'");
  EXPECT_EQ(why_not_whole("#endif"), "");
}

TEST(Starter, ThrowsForItsTasksAndLeavesTheRest) {
  const SourceFile file =
      parse_source(make_starter(parse_source(kReference, "x.cpp"), one_task()), "starter");
  EXPECT_EQ(tokens(file.body(*file.find("1.1"))),
            tokens("throw NotImplemented(\"Task 1.1 (successor) is not written yet. Hint: What is "
                   "\\\"next\\\"?\");"));
  EXPECT_EQ(file.body(*file.find("1.2")), "  return 2;\n");
  EXPECT_EQ(file.lines.front(), "#include <vector>");
  EXPECT_EQ(file.lines.back(), "}");
}

TEST(Overlay, TakesBodiesNamesTheirLinesAndMovesIncludes) {
  const SourceFile student = parse_source(
      "// tito:begin 1.0\n"
      "#include <cmath>\n"
      "int helper();\n"
      "// tito:end 1.0\n"
      "// tito:begin 1.1\n"
      "  return helper();\n"
      "// tito:end 1.1\n"
      "// tito:begin 1.2\n"
      "  return 3;\n"
      "// tito:end 1.2\n",
      "mine.cpp");
  EXPECT_EQ(make_overlay(parse_source(kReference, "x.cpp"), student, {"1.0", "1.1"}),
            "#include \"tinytorch/core/error.h\"\n"
            "#line 2 \"mine.cpp\"\n#include <cmath>\n"
            "#line 1 \"x.cpp\"\n#include <vector>\n// tito:begin 1.0\n"
            "#line 2 \"mine.cpp\"\n\nint helper();\n"
            "#line 3 \"x.cpp\"\n// tito:end 1.0\nint f(int x) {\n  // tito:begin 1.1\n"
            "#line 6 \"mine.cpp\"\n  return helper();\n"
            "#line 7 \"x.cpp\"\n  // tito:end 1.1\n}\nint g() {\n  // tito:begin 1.2\n"
            "  return 2;\n  // tito:end 1.2\n}\n");
}

// Rules of the framework's own regions: LAB.md.
TEST(Region, OfTheFrameworkAreWholeAndStandOnce) {
  std::map<std::string, std::string> seen;
  int tasks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           std::string(TINYTORCH_SOURCE_DIR) + "/tinytorch")) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().string();
    const SourceFile file = parse_source(read_text(name), name);
    if (file.regions.empty()) continue;
    EXPECT_EQ(entry.path().extension(), ".cpp") << name;
    EXPECT_TRUE(file.regions.front().is_helpers()) << name;
    for (const Region& region : file.regions) {
      EXPECT_EQ(why_not_whole(file.body(region)), "") << name << ": " << region.id;
      if (region.is_helpers()) {
        EXPECT_EQ(file.body(region), "") << name;
        continue;
      }
      EXPECT_TRUE(seen.emplace(region.id, name).second) << region.id << " in " << name;
      const std::string& first = file.regions.front().id;
      EXPECT_EQ(region.id.substr(0, region.id.find('.')), first.substr(0, first.find('.'))) << name;
      ++tasks;
    }
  }
  EXPECT_GT(tasks, 50);
}

}  // namespace

}  // namespace tinytorch::lab
