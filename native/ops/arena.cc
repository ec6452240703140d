#include "ops/arena.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <c10/util/strides.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "ops/buffer.h"
#include "ops/ops.h"

namespace hyperfit {
namespace {

constexpr int64_t kAlignment = 512;       // of libtorch's own blocks on a card, which kernels may count on
constexpr int64_t kSlack = 32 * kAlignment;  // for what blocks of more rows lose by it that those of this pass did not

thread_local Arena* current = nullptr;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

at::Tensor Arena::take(at::IntArrayRef shape, const at::TensorOptions& options) {
  const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
  const int64_t size = static_cast<int64_t>(c10::elementSize(type)), first = used_;
  used_ += aligned(c10::multiply_integers(shape) * size);
  most_ = std::max(most_, used_);
  if (used_ > bytes_ || !memory_.defined() || options.device() != device_) return at::empty(shape, options);
  at::Tensor& whole = typed_[type];
  if (!whole.defined()) whole = memory_.view(type);
  return whole.as_strided(shape, c10::contiguous_strides(shape), first / size);
}

// Not where the pass had room, though its share of a larger one might ask for more. What stands nowhere may go first.
void Arena::make_room(double growth) {
  const int64_t most = std::exchange(most_, 0);
  if (most <= bytes_) return;
  const int64_t wanted = growth == 1 ? most : aligned(static_cast<int64_t>(static_cast<double>(most) * growth)) + kSlack;
  typed_.clear();
  memory_ = at::Tensor();
  bytes_ = 0;
  memory_ = ops_->empty(wanted, at::TensorOptions().dtype(at::kByte).device(device_));
  bytes_ = wanted;
  note_memory_move();
}

Arena::Use::Use(Arena& arena, int64_t rows, int64_t most_rows)
    : arena_(arena),
      before_(current),
      growth_(std::max(1.0, static_cast<double>(most_rows) / static_cast<double>(std::max<int64_t>(rows, 1)))) {
  current = &arena;
}

// Where there is no memory for it, temporaries stay memory like any other.
Arena::Use::~Use() {
  current = before_;
  if (before_ == &arena_ || std::uncaught_exceptions() > 0) return;
  try {
    arena_.make_room(growth_);
  } catch (const c10::Error&) {
  }
}

Temporaries::Temporaries() : arena_(current), before_(current ? current->used_ : 0) {}

Temporaries::~Temporaries() {
  if (arena_) arena_->used_ = before_;
}

at::Tensor Temporaries::empty(at::IntArrayRef shape, const at::TensorOptions& options) const {
  return arena_ ? arena_->take(shape, options) : at::empty(shape, options);
}

at::Tensor Temporaries::in_type(const at::Tensor& tensor, at::ScalarType type) const {
  if (tensor.scalar_type() == type) return tensor;
  at::Tensor made = empty(tensor.sizes(), tensor.options().dtype(type));
  made.copy_(tensor);
  return made;
}

}  // namespace hyperfit
