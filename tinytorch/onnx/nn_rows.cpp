// Convolution, the softmax family, dropout.
#include "tinytorch/onnx/windows.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/transposed_conv.h"

namespace tinytorch::onnx {

namespace {

Tensors conv(const Node& n) {
  Tensor x = n.in(0), weight = n.in(1);
  if (weight.dim() < 3) raise<ShapeError>("weight {} has no kernel", weight.shape().str());
  const Numbers kernel(weight.shape().begin() + 2, weight.shape().end());
  if (n.given("kernel_shape") && n.integers("kernel_shape") != kernel)
    raise<IoError>("kernel_shape [{}] does not fit weight {}", joined(n.integers("kernel_shape")),
                   weight.shape().str());
  Windows w = read_windows(n, x, kernel);
  if (w.dims() > 2) raise<Unsupported>("{} image dimensions: we have one and two", w.dims());
  for (int d = 0; d < w.dims(); ++d) w.places(d, x.size(d + 2));
  if (!w.symmetric()) {
    x = with_padding(x, w, 0);
    w.before.assign(kernel.size(), 0);
  }
  const int first = 2 - w.dims();  // one dimension is a row of two
  if (first) {
    x = x.unsqueeze(2);
    weight = weight.unsqueeze(2);
  }
  ConvOptions o;
  for (int d = 0; d < w.dims(); ++d) {
    const auto i = static_cast<size_t>(d);
    o.stride[first + d] = w.stride[i];
    o.padding[first + d] = w.before[i];
    o.dilation[first + d] = w.dilation[i];
  }
  o.groups = n.integer("group", 1);
  const Tensor y = conv2d(x, weight, n.maybe(2), o);
  return {first ? y.squeeze(2) : y};
}

// The whole result first, then output_padding more, less the paddings; the bias is everywhere.
Tensors conv_transpose(const Node& n) {
  Tensor x = n.in(0), weight = n.in(1);
  if (weight.dim() < 3) raise<ShapeError>("weight {} has no kernel", weight.shape().str());
  const Numbers kernel(weight.shape().begin() + 2, weight.shape().end());
  const Windows w = read_windows(n, x, kernel);
  if (w.dims() > 2) raise<Unsupported>("{} image dimensions: we have one and two", w.dims());
  const auto dims = static_cast<size_t>(w.dims());
  const std::string mode = n.text("auto_pad", "NOTSET");
  Numbers more = n.integers("output_padding"), wanted = n.integers("output_shape");
  if (more.empty()) more.assign(dims, 0);
  const bool fixed = !wanted.empty() || mode.starts_with("SAME");
  if (more.size() != dims || (!wanted.empty() && wanted.size() != dims))
    raise<IoError>("output_padding [{}] and output_shape [{}] do not fit {} dimensions",
                   joined(more), joined(wanted), dims);
  Numbers amounts;  // the last dimension first
  for (size_t i = dims; i-- > 0;) {
    const int64_t in = x.size(static_cast<int64_t>(i) + 2);
    int64_t before = w.before[i], after = w.after[i];
    if (fixed) {
      const int64_t reach = w.dilation[i] * (kernel[i] - 1) + 1;
      const int64_t out = wanted.empty() ? in * w.stride[i] : wanted[i];
      const int64_t total = w.stride[i] * (in - 1) + more[i] + reach - out;
      const int64_t cut = std::max<int64_t>(total, 0);  // what is wanted beyond is at the end
      before = mode == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
      after = total - before;
    }
    amounts.push_back(-before);
    amounts.push_back(more[i] - after);
  }
  const bool one = dims == 1;  // a row of two
  if (one) {
    x = x.unsqueeze(2);
    weight = weight.unsqueeze(2);
  }
  ConvTransposeOptions o;
  for (size_t i = 0; i < dims; ++i) {
    o.stride[2 - dims + i] = w.stride[i];
    o.dilation[2 - dims + i] = w.dilation[i];
  }
  o.groups = n.integer("group", 1);
  Tensor y = pad(conv_transpose2d(x, weight, {}, o), amounts);
  if (n.has(2)) y = y + n.in(2).reshape({1, n.in(2).numel(), 1, 1});
  return {one ? y.squeeze(2) : y};
}

// Before opset 13 the axis cut the shape into a matrix; its rows were normalised.
template <class Op>
Tensors rows_of_matrix(const Node& n, Op op) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", 1), std::max(x.dim(), 1));
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < x.dim(); ++d) (d < axis ? outer : inner) *= x.shape()[d];
  return {op(x.reshape({outer, inner}), 1).reshape(x.shape())};
}
template <class Op>
Tensors along_axis(const Node& n, Op op) {
  const Tensor& x = n.in(0);
  return {op(x, axis_of(n, n.integer("axis", -1), x.dim()))};
}

Tensor hardmax(const Tensor& x, int64_t axis) {
  Shape places = Shape::filled(x.dim(), 1);
  places[static_cast<int>(axis)] = x.size(axis);
  return eq(argmax(x, axis, true), arange(x.size(axis)).reshape(places)).to(x.dtype());
}

template <Tensor (*kOp)(const Tensor&, int64_t)>
Tensors old_rows(const Node& n) {
  return rows_of_matrix(n, kOp);
}
template <Tensor (*kOp)(const Tensor&, int64_t)>
Tensors new_rows(const Node& n) {
  return along_axis(n, kOp);
}

// In inference, where nothing is dropped; the mask says so.
Tensors dropout_of(const Node& n) {
  const double ratio = n.has(1) ? n.number(1, 0.5) : n.real("ratio", 0.5);
  if (n.has(2) && n.number(2, 0) != 0 && ratio != 0)
    raise<Unsupported>("training_mode: another generator's random numbers");
  const Tensor& x = n.in(0);
  return {x, ones(x.shape(), n.opset() < 10 ? x.dtype() : DType::kBool)};
}

const OpRow kRows[] = {
    {"Conv", 1, conv},
    {"ConvTranspose", 1, conv_transpose},
    {"Softmax", 1, old_rows<softmax>},
    {"Softmax", 13, new_rows<softmax>},
    {"LogSoftmax", 1, old_rows<log_softmax>},
    {"LogSoftmax", 13, new_rows<log_softmax>},
    {"Hardmax", 1, old_rows<hardmax>},
    {"Hardmax", 13, new_rows<hardmax>},
    {"Dropout", 7, dropout_of},
};

}  // namespace

std::span<const OpRow> nn_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
