#include "bench/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "bench/workloads.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/random.h"
#include "tinytorch/core/utils.h"
#include "tinytorch/nn/gpt.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::bench {

namespace {

CurvePoint measure_point(int64_t value, const std::function<void()>& step, double seconds) {
  step();
  step();  // the first one also makes the optimizer's state
  CurvePoint point{value, 1e18, 0};
  reset_peak_memory();
  const Timer whole;
  for (int i = 0; i < 3 || whole.elapsed_ns() < seconds * 1e9; ++i) {
    const Timer timer;
    step();
    point.min_us = std::min(point.min_us, timer.elapsed_ns() / 1e3);
  }
  point.peak_bytes = memory_stats().peak_bytes;
  return point;
}

// The slope of log(y) over log(x).
double exponent(const std::vector<CurvePoint>& points, double (*y)(const CurvePoint&)) {
  const size_t first = points.size() / 2;
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (size_t i = first; i < points.size(); ++i) {
    const double lx = std::log(static_cast<double>(points[i].value)), ly = std::log(y(points[i]));
    n += 1, sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

Curve measure_curve(const std::string& axis, const std::string& model,
                    const std::vector<int64_t>& values, double seconds,
                    const std::function<std::function<void()>(int64_t)>& make) {
  Curve curve{axis, model, {}, 0, 0};
  for (const int64_t value : values)
    curve.points.push_back(measure_point(value, make(value), seconds));
  curve.time_exponent = exponent(curve.points, [](const CurvePoint& p) { return p.min_us; });
  curve.memory_exponent =
      exponent(curve.points, [](const CurvePoint& p) { return static_cast<double>(p.peak_bytes); });
  return curve;
}

}  // namespace

std::vector<Curve> measure_curves(double seconds) {
  return {
      measure_curve("batch", "CNN on 1x28x28", {8, 16, 32, 64, 128, 256}, seconds, train_cnn),
      measure_curve("batch", "GPT of 4 layers, width 128, T 128", {2, 4, 8, 16, 32, 64}, seconds,
                    [](int64_t batch) { return train_gpt(4, 4, 128, 128, batch); }),
      measure_curve("depth", "GPT of width 128, T 128, batch 8", {1, 2, 4, 8, 16, 32}, seconds,
                    [](int64_t layers) { return train_gpt(layers, 4, 128, 128, 8); }),
      measure_curve("length", "GPT of 4 layers, width 128, batch 4", {32, 64, 128, 256, 512, 1024},
                    seconds, [](int64_t length) { return train_gpt(4, 4, 128, length, 4); }),
  };
}

std::vector<ForkingPoint> measure_forking(int threads, double seconds) {
  const NoGrad no_grad;
  struct Op {
    const char* name;
    std::function<Tensor(const Tensor&)> run;
  };
  const Op ops[] = {{"add", [](const Tensor& x) { return x + x; }},
                    {"exp", [](const Tensor& x) { return exp(x); }},
                    {"softmax", [](const Tensor& x) { return softmax(x, 1); }},
                    {"sum", [](const Tensor& x) { return sum(x); }}};
  const int before = num_threads();
  std::vector<ForkingPoint> points;
  for (const Op& op : ops)
    for (int64_t size = 256; size <= (1 << 22); size *= 4) {
      const Tensor x = randn({size / 64, 64});
      ForkingPoint point{op.name, size, 1e18, 1e18};
      const int64_t in_row = std::max<int64_t>(1, (1 << 17) / size);
      const Timer whole;
      for (int turn = 0; turn < 6 || whole.elapsed_ns() < seconds * 1e9; ++turn)
        for (const int count : {1, threads}) {
          set_num_threads(count);
          op.run(x);  // wakes the helpers, and fetches the data
          const Timer timer;
          for (int64_t i = 0; i < in_row; ++i) op.run(x);
          double& best = count == 1 ? point.one_us : point.all_us;
          best = std::min(best, timer.elapsed_ns() / 1e3 / static_cast<double>(in_row));
        }
      points.push_back(point);
    }
  set_num_threads(before);
  return points;
}

std::vector<MemoryPoint> measure_backward_memory() {
  constexpr int64_t kLayers = 4, kLength = 128, kBatch = 16, kVocab = 65;
  nn::ModelSpec spec;
  spec.name = "gpt", spec.n_layer = kLayers, spec.n_head = 4, spec.n_embd = 128;
  spec.block_size = kLength, spec.vocab_size = kVocab;
  const auto model = nn::make_model(spec);
  const Tensor x = randint(0, kVocab, {kBatch, kLength}),
               y = randint(0, kVocab, {kBatch * kLength});
  std::vector<MemoryPoint> points;
  const auto note = [&](const std::string& at) {
    points.push_back({at, memory_stats().live_bytes});
  };
  const auto step = [&] {
    model->zero_grad();
    points.clear();
    note("begin");
    const Tensor loss = cross_entropy((*model)(x).reshape({kBatch * kLength, kVocab}), y);
    note("loss");
    loss.backward();
    note("end");
  };
  // The first weight of a layer is the last to get its gradient.
  int64_t layer = 0;
  for (const auto& [name, parameter] : model->named_parameters())
    if (name.ends_with("ln_1.weight")) {
      parameter.register_hook([&note, layer](const Tensor& gradient) {
        note(fmt::format("layer {}", layer));
        return gradient;
      });
      ++layer;
    }
  step();
  step();  // without what a first step makes once
  return points;
}

}  // namespace tinytorch::bench
