// The list of all commands, in the order in which help shows them.
#include <string>

#include "cli/command.h"

namespace tinytorch::cli {

extern const Command demo_command;
extern const Command train_command;
extern const Command eval_command;
extern const Command infer_command;
extern const Command generate_command;
extern const Command tokenize_command;
extern const Command bench_command;
extern const Command kernels_command;
extern const Command ops_command;
extern const Command onnx_command;
extern const Command doctor_command;
extern const Command selftest_command;
extern const Command python_command;
extern const Command init_command;
extern const Command start_command;
extern const Command test_command;
extern const Command hint_command;
extern const Command predict_command;
extern const Command measure_command;
extern const Command reset_command;
extern const Command solution_command;
extern const Command status_command;
extern const Command debug_command;
extern const Command export_command;
extern const Command update_command;
extern const Command watch_command;
extern const Command milestone_command;
extern const Command course_command;
extern const Command release_command;
extern const Command grade_command;

const std::vector<const Command*>& all_commands() {
  static const std::vector<const Command*> commands = {
      &demo_command,      &train_command,    &eval_command,    &infer_command,  &generate_command,
      &tokenize_command,  &bench_command,    &kernels_command, &ops_command,    &onnx_command,
      &doctor_command,    &selftest_command, &init_command,    &start_command,  &test_command,
      &hint_command,      &predict_command,  &measure_command, &reset_command,  &solution_command,
      &status_command,    &debug_command,    &export_command,  &update_command, &watch_command,
      &milestone_command, &course_command,   &release_command, &grade_command,  &python_command,
  };
  return commands;
}

const Command* find_command(const std::string& name) {
  for (const Command* command : all_commands())
    if (name == command->name) return command;
  return nullptr;
}

}  // namespace tinytorch::cli
