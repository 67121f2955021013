// tito ops: the table of operations, which the docs hold too.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "tinytorch/ops/op.h"

namespace tinytorch::cli {

namespace {

// The first sample of an operation, run: what goes in, what comes out, what it costs.
struct Example {
  std::string label, shapes;  // "[3, 4], [4, 5] -> [3, 5]"
  Cost cost;
  explicit Example(const OpInfo& op) {
    SampleMaker maker;
    const Sample sample = op.samples(maker).front();
    const Tensor out = sample.run(sample.inputs);
    std::vector<std::string> inputs;
    inputs.reserve(sample.inputs.size());
    for (const Tensor& t : sample.inputs) inputs.push_back(t.shape().str());
    label = sample.label;
    shapes = fmt::format("{}{}-> {}", fmt::join(inputs, ", "), inputs.empty() ? "" : " ",
                         out.shape().str());
    cost = op.cost(sample, out);
  }
};

bool has_gradient(const OpInfo& op) {
  return std::strncmp(op.gradient, "none", 4) != 0;
}

Json describe(const OpInfo& op) {
  const Example example(op);
  Json errors = Json::array();
  if (op.errors)
    for (const ErrorCase& e : op.errors())
      errors.push_back({{"when", e.label}, {"message", e.expected}});
  return {{"name", op.name},
          {"signature", op.signature},
          {"formula", op.doc},
          {"gradient", op.gradient},
          {"double_backward", has_gradient(op) && op.double_backward},
          {"saves", op.saves},
          {"kernels", op.kernels},
          {"example",
           {{"sample", example.label},
            {"shapes", example.shapes},
            {"flops", example.cost.flops},
            {"bytes", example.cost.bytes}}},
          {"errors", errors},
          {"differs_from_pytorch", op.differs}};
}

// A cell of a Markdown table: a | would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

void print_markdown() {
  fmt::print(
      "# Operations\n\n"
      "Made by `tito ops --markdown` from the table that the tests follow (`tinytorch/ops/op.h`); "
      "names and semantics are PyTorch's but where the last column says otherwise. x, a, b are "
      "inputs, y the output, g the output's gradient. Shapes and cost are those of the operation's "
      "first sample: floating-point operations, and the bytes of inputs and outputs, each moved "
      "once. Twice: the gradient has a gradient (`create_graph`).\n\n"
      "| operation | formula | gradient | keeps for it | twice | shapes | cost | unlike PyTorch |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const OpInfo* op : all_ops()) {
    const Example example(*op);
    fmt::print("| `{}` | {} | {} | {} | {} | {} | {:.0f} flops, {:.0f} B | {} |\n",
               cell(op->signature), cell(op->doc), cell(op->gradient), cell(op->saves),
               !has_gradient(*op)    ? ""
               : op->double_backward ? "yes"
                                     : "no",
               example.shapes, example.cost.flops, example.cost.bytes, cell(op->differs));
  }
}

int run(const Args& args) {
  if (args.has("--markdown")) {
    if (args.json() || args.has("NAME"))
      throw ConfigError(fmt::format("ops: --markdown prints the whole table as a text, without {}.",
                                    args.json() ? "--json" : "NAME"));
    print_markdown();
    return kOk;
  }
  Json list = Json::array();
  const std::string wanted = args.text("NAME");
  for (const OpInfo* op : all_ops())
    if (wanted.empty() || wanted == op->name) list.push_back(describe(*op));
  if (list.empty()) {
    std::vector<std::string> names;
    for (const OpInfo* op : all_ops()) names.emplace_back(op->name);
    throw ConfigError(fmt::format("ops: there is no operation '{}'. There are: {}.", wanted,
                                  fmt::join(names, ", ")));
  }
  if (args.json()) {
    print_json({{"operations", list}});
    return kOk;
  }
  for (const Json& op : list) {
    if (wanted.empty()) {
      fmt::print("{:<22} {}\n", op["name"].get<std::string>(), op["formula"].get<std::string>());
      continue;
    }
    const auto line = [&](const char* what, const std::string& text) {
      if (!text.empty()) fmt::print("{:<10} {}\n", what, text);
    };
    fmt::print("{}\n", styled(stdout, Style::kBold, op["signature"].get<std::string>()));
    line("formula", op["formula"]);
    line("gradient",
         op["gradient"].get<std::string>() + (op["double_backward"] ? " (and again)" : ""));
    line("keeps", op["saves"]);
    line("kernels", op["kernels"]);
    line("example",
         fmt::format("{}: {}, {:.0f} flops, {:.0f} bytes",
                     op["example"]["sample"].get<std::string>(),
                     op["example"]["shapes"].get<std::string>(),
                     op["example"]["flops"].get<double>(), op["example"]["bytes"].get<double>()));
    for (const Json& e : op["errors"])
      line("error", fmt::format("{}: \"... {} ...\"", e["when"].get<std::string>(),
                                e["message"].get<std::string>()));
    line("unlike PyTorch", op["differs_from_pytorch"]);
  }
  return kOk;
}

}  // namespace

extern const Command ops_command{"ops",
                                 "the operations: formula, gradient, what it keeps, cost, errors",
                                 "tito ops conv2d",
                                 {{"NAME", "one operation, in full", false}},
                                 {{"--markdown", nullptr, "the table of docs/operations.md"}},
                                 run};

}  // namespace tinytorch::cli
