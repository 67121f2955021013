// tito debug: a module's hunts. A component with a seeded defect shows a symptom; the student mends
// it and names the invariant that was broken.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/judge.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

struct HuntResult {
  std::string state, text;  // of the symptom's tests
  bool mended = false, named = false;
  bool solved() const { return mended && named; }
};

HuntResult try_hunt(const lab::Lab& lab, const lab::Module& module, const lab::Hunt& hunt,
                    int64_t invariant) {
  const std::string name = fmt::format("modules/{}/debug/{}.cpp", module.name, hunt.id);
  const lab::LabBuild builder(lab.home, lab.folder, lab.folder + "/build/test",
                              lab::Profile::kTest);
  builder.prepare();
  const lab::BuildResult built =
      builder.build(fmt::format("{}_hunt_{}", module.name, hunt.id), {},
                    {{fmt::format("modules/{}/debug/{}.fixed.cpp", module.name, hunt.id), name,
                      lab::read_text(lab.folder + "/" + name)}});
  if (built.program.empty()) return {"FAIL", built.errors.begin()->second, false, false};
  const auto tests = lab::run_tests(built.program, lab.folder, hunt.tests);
  HuntResult result{lab::state_of(tests), "", false, invariant == hunt.invariant};
  result.mended = result.state == "PASS";
  for (const lab::TestResult& test : tests)
    if (test.state != "PASS")
      result.text += (result.text.empty() ? "" : "\n") + test.name + ": " + test.text;
  return result;
}

Json list_json(const lab::Module& module, const lab::ModuleRecord& record) {
  Json list = Json::array();
  for (const lab::Hunt& hunt : module.hunts)
    list.push_back({{"id", hunt.id},
                    {"title", hunt.title},
                    {"kind", hunt.kind},
                    {"symptom", hunt.symptom},
                    {"file", fmt::format("modules/{}/debug/{}.cpp", module.name, hunt.id)},
                    {"solved", record.hunts.contains(hunt.id)}});
  return list;
}

int show_list(const lab::Module& module, const lab::ModuleRecord& record, bool json) {
  if (json) {
    print_json({{"module", module.name}, {"hunts", list_json(module, record)}});
    return kOk;
  }
  for (const lab::Hunt& hunt : module.hunts)
    fmt::print("{}{}\n  modules/{}/debug/{}.cpp\n{}\n",
               styled(stdout, Style::kBold, hunt.id + ": " + hunt.title),
               record.hunts.contains(hunt.id) ? styled(stdout, Style::kGreen, "  solved") : "",
               module.name, hunt.id, hunt.symptom);
  if (!module.hunts.empty())
    fmt::print(
        "See the symptom:  ./tito debug {} {}\n"
        "Say it is mended: ./tito debug {} {} --invariant N  (the chapter's, that was broken)\n",
        module.name, module.hunts[0].id, module.name, module.hunts[0].id);
  return kOk;
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("debug");
  const lab::LabLock lock(lab.folder);
  const lab::Module& module = *lab.find(args.text("MODULE")).module;
  lab::ModuleRecord& record = lab.state.modules[module.name];
  const std::string id = args.text("HUNT");
  if (id.empty()) return show_list(module, record, args.json());
  const lab::Hunt* hunt = nullptr;
  std::string known;
  for (const lab::Hunt& each : module.hunts) {
    if (each.id == id) hunt = &each;
    known += (known.empty() ? "" : ", ") + each.id;
  }
  if (!hunt) throw ConfigError("debug: there is no hunt '" + id + "'. Hunts: " + known + ".");
  const int64_t invariant = args.integer("--invariant", 0);
  const HuntResult result = try_hunt(lab, module, *hunt, invariant);
  if (result.solved()) {
    record.hunts.insert(hunt->id);
    lab.save();
  }
  if (args.json()) {
    print_json({{"module", module.name},
                {"hunt", hunt->id},
                {"state", result.state},
                {"text", result.text},
                {"mended", result.mended},
                {"invariant_named", result.named},
                {"solved", result.solved()}});
    return result.solved() ? kOk : kCheckFailed;
  }
  if (!result.mended)
    fmt::print("{}\n{}\n{}", styled(stdout, Style::kRed, "The symptom is there:"), result.text,
               invariant == 0 ? "" : "Mend it first; then the invariant is judged.\n");
  else if (!result.named)
    fmt::print("{} {}\n", styled(stdout, Style::kYellow, "The symptom is gone."),
               invariant == 0 ? "Which invariant of the chapter was broken? --invariant N"
                              : "That invariant was not the broken one.");
  else
    fmt::print("{}\n", styled(stdout, Style::kGreen, "Solved."));
  return result.solved() ? kOk : kCheckFailed;
}

}  // namespace

extern const Command debug_command{
    "debug",
    "in a lab: find seeded defects from their symptoms",
    "tito debug tensor",
    {{"MODULE", "tensor, 1; else the current one", false},
     {"HUNT", "its name; else a list", false}},
    {{"--invariant", "N", "the invariant of the chapter that was broken"}},
    run};

}  // namespace tinytorch::cli
