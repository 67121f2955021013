// tito test: judges the tasks of a lab.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/judge.h"
#include "cli/lab/state.h"
#include "cli/output.h"
#include "cli/overview.h"

namespace tinytorch::cli {

namespace {

struct Judged {
  const lab::Module* module;
  lab::Verdict verdict;
};

Style style_of(const std::string& state) {
  return state == "PASS" ? Style::kGreen : state == "TODO" ? Style::kYellow : Style::kRed;
}

// What is being done, on a terminal, until there is something to say.
class Waiting {
 public:
  explicit Waiting(bool shown) : shown_(shown && use_color(stdout)) {
    if (!shown_) return;
    fmt::print("{}", styled(stdout, Style::kDim, "compiling and running ..."));
    std::fflush(stdout);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (shown_) fmt::print("\r\033[K");
  }

 private:
  bool shown_;
};

void print_verdict(const Judged& judged) {
  const lab::Verdict& verdict = judged.verdict;
  const bool alone = verdict.tasks.size() == 1;
  const auto say = [](const std::string& text) {
    std::fputs(indented(stdout, 10, text).c_str(), stdout);
  };
  fmt::print("{}\n", styled(stdout, Style::kBold,
                            fmt::format("{} {}", judged.module->order, judged.module->title)));
  std::string debugged;                      // the first test that did not pass
  std::map<std::string, std::string> texts;  // of failures, with the test that was told first
  for (const lab::TaskResult& task : verdict.tasks) {
    fmt::print("  {} {:<5} {}\n",
               styled(stdout, style_of(task.state), fmt::format("{:<5}", task.state)),
               task.task->id, task.task->title);
    if (task.state == "TODO" && !alone) continue;  // hints are asked for
    if (!task.text.empty()) {
      say(task.text);
      continue;
    }
    // One failure at a time is what a reader can take; the others by their names.
    std::string others;
    bool told = false;
    for (const lab::TestResult& test : task.tests) {
      if (test.state == "PASS") continue;
      const auto [first, is_new] = texts.try_emplace(test.text, test.name);
      if (!told) say(test.name + (is_new ? "\n" + test.text : ": the same as " + first->second));
      if (told) others += (others.empty() ? "" : ", ") + test.name;
      told = true;
      if (debugged.empty() && task.state != "TODO") debugged = test.name;
    }
    if (!others.empty()) say("not passed either: " + others);
  }
  for (const std::string& note : verdict.notes)
    fmt::print("{}", styled(stdout, Style::kYellow, indented(stdout, 2, note)));
  if (!debugged.empty())
    fmt::print("  {}\n",
               styled(stdout, Style::kDim,
                      fmt::format("gdb --args build/test/{} {}", judged.module->name, debugged)));
  if (verdict.run_seconds > 0)
    fmt::print(
        "  {}\n",
        styled(stdout, Style::kDim,
               fmt::format(
                   "compiled {} in {:.2f} s, linked in {:.2f} s, ran in {:.2f} s",
                   verdict.compiled == 1 ? "1 file" : fmt::format("{} files", verdict.compiled),
                   verdict.compile_seconds, verdict.link_seconds, verdict.run_seconds)));
}

Json as_json(const Judged& judged) {
  const lab::Verdict& v = judged.verdict;
  Json object = {{"module", judged.module->name}, {"tasks", Json::array()}, {"notes", v.notes}};
  for (const lab::TaskResult& task : v.tasks) {
    Json tests = Json::array();
    for (const lab::TestResult& test : task.tests)
      tests.push_back({{"name", test.name},
                       {"state", test.state},
                       {"text", test.text},
                       {"milliseconds", test.milliseconds}});
    object["tasks"].push_back({{"id", task.task->id},
                               {"title", task.task->title},
                               {"state", task.state},
                               {"points", task.task->points},
                               {"text", task.text},
                               {"tests", tests}});
  }
  object["compiled"] = v.compiled;
  object["seconds"] = {{"overlay", v.overlay_seconds},
                       {"compile", v.compile_seconds},
                       {"link", v.link_seconds},
                       {"run", v.run_seconds},
                       {"total", v.seconds()}};
  return object;
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("test");
  const lab::LabLock lock(lab.folder);
  const lab::Others others = args.has("--mine")           ? lab::Others::kPackage
                             : args.has("--no-reference") ? lab::Others::kLab
                                                          : lab::Others::kReference;
  const std::string word = args.text("WHAT");
  std::vector<const lab::Module*> modules;
  const lab::Task* only = nullptr;
  if (word.empty()) {
    for (const lab::Module& module : lab.course) modules.push_back(&module);
  } else {
    const lab::Lab::What what = lab.find(word);
    modules.push_back(what.module);
    only = what.task;
  }
  Json list = Json::array();
  int passed = 0, tasks = 0;
  for (const lab::Module* module : modules) {
    const auto judge = [&] {
      const Waiting waiting(!args.json());
      return lab::judge(lab, *module, only, others);
    };
    const Judged judged{module, judge()};
    for (const lab::TaskResult& task : judged.verdict.tasks) passed += task.state == "PASS";
    tasks += static_cast<int>(judged.verdict.tasks.size());
    if (args.json())
      list.push_back(as_json(judged));
    else
      print_verdict(judged);
  }
  if (args.json())
    print_json({{"passed", passed}, {"tasks", tasks}, {"modules", list}});
  else
    fmt::print("{} of {} {} done\n", passed, tasks, tasks == 1 ? "task" : "tasks");
  if (!args.json() && passed == tasks) fmt::print("Next: {}\n", lab_next_step(lab));
  return passed == tasks ? kOk : kCheckFailed;
}

}  // namespace

extern const Command test_command{
    "test",
    "in a lab: build what you wrote and run its tests",
    "tito test 1.5",
    {{"WHAT", "a module (tensor, 1) or a task (1.5); else all", false}},
    {{"--mine", nullptr, "beside it your own package, as far as it goes, not the reference"},
     {"--no-reference", nullptr, "beside it your own files as they are, written or not"}},
    run};

}  // namespace tinytorch::cli
