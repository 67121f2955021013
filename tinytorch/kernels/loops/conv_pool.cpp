// Convolution with activation and 2x2 max pooling, as its parts one after the other (NCHW).
#include <vector>

#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/pool.h"

namespace tinytorch::kernels::loops {

namespace {

PoolGeometry two_by_two(const ConvGeometry& g) {
  PoolGeometry p{};
  p.n = g.n, p.c = g.o, p.h = g.oh, p.w = g.ow;
  p.kh = p.kw = p.stride_h = p.stride_w = 2;
  p.oh = g.oh / 2, p.ow = g.ow / 2;
  return p;
}

}  // namespace

template <class T>
void conv2d_pool(const ConvPoolArgs<T>& args) {
  const ConvGeometry& g = args.g;
  std::vector<T> full(static_cast<size_t>(g.n * g.o * g.oh * g.ow));
  conv2d(ConvArgs<T>{g, args.x, args.w, args.bias, full.data(),
                     args.relu ? Activation::kRelu : Activation::kNone});
  max_pool2d(MaxPoolArgs<T>{two_by_two(g), ImageLayout::kNchw, full.data(), args.y, args.index});
}

template <class T>
void conv2d_pool_grad(const ConvPoolGradArgs<T>& args) {
  const PoolGeometry p = two_by_two(args.g);
  const int64_t count = p.n * p.c * p.oh * p.ow;
  std::vector<T> dy(args.dy, args.dy + count);
  for (int64_t i = 0; i < count; ++i)
    if (args.relu && args.y[i] <= T(0)) dy[static_cast<size_t>(i)] = T(0);  // clipped; a NaN is not
  max_pool2d_grad(MaxPoolGradArgs<T>{p, ImageLayout::kNchw, dy.data(), args.index, args.dconv});
}

template void conv2d_pool(const ConvPoolArgs<float>&);
template void conv2d_pool(const ConvPoolArgs<double>&);
template void conv2d_pool_grad(const ConvPoolGradArgs<float>&);
template void conv2d_pool_grad(const ConvPoolGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
