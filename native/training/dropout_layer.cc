#include "dropout_layer.h"

#include <string.h>

namespace chainrule {

template <typename T>
DropoutLayer<T>::DropoutLayer(const LayerPlan& plan, int position)
    : units_(plan.units), rate_(plan.rate), position_(static_cast<uint32_t>(position)) {}

template <typename T>
void DropoutLayer<T>::reserve(int rows) {
  if (rows <= reserved_) return;
  reserved_ = rows;
  mask_ = PanelBuffer<T>(rows, units_);
  dropped_ = PanelBuffer<T>(rows, units_);
  gradient_ = PanelBuffer<T>(rows, units_);
}

template <typename T>
void DropoutLayer<T>::begin_passes(const Pass<T>& pass, Panels<const T> input, InputRows<T>* own) {
  Layer<T>::begin_passes(pass, input, own);
  output_ = pass.training ? constant(dropped_.panels()) : input;
}

template <typename T>
void DropoutLayer<T>::forward(const Pass<T>& pass) {
  if (!pass.training) return;
  const DropoutMask mask = {rate_, pass.seed, pass.update, position_, pass.first_row};
  for_range(pass.team, kMaskCost * cost(pass.rows), pass.rows, [&](Range rows) {
    pass.kernels.dropout_mask(mask, mask_.panels(), units_, {pass.offset + rows.begin, pass.offset + rows.end});
  });
  multiply(pass, this->input_, dropped_.panels());
}

template <typename T>
void DropoutLayer<T>::backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>&) {
  if (!below.gradient.data) return;
  if (pass.training) {
    multiply(pass, constant(gradient_.panels()), below.gradient);
  } else {
    for (int p = 0; p < panels_of<T>(units_); ++p) {
      memcpy(pass.rows_of(below.gradient).panel(p), pass.rows_of(gradient_.panels()).panel(p),
             static_cast<size_t>(pass.rows) * kPanel<T> * sizeof(T));
    }
  }
  apply_derivative(pass, below.derivative, below.gradient, units_);
}

template <typename T>
void DropoutLayer<T>::multiply(const Pass<T>& pass, Panels<const T> from, Panels<T> to) const {
  for_range(pass.team, cost(pass.rows), panels_of<T>(units_), [&](Range panels) {
    for (int p = panels.begin; p < panels.end; ++p) {
      pass.kernels.multiply(pass.rows_of(from).panel(p), pass.rows_of(mask_.panels()).panel(p),
                            pass.rows_of(to).panel(p), static_cast<ptrdiff_t>(pass.rows) * kPanel<T>);
    }
  });
}

template class DropoutLayer<float>;
template class DropoutLayer<double>;

}  // namespace chainrule
