#include "fallback.h"

#include <ATen/core/List.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "copies.h"
#include "counts.h"
#include "device.h"
#include "last_operator.h"
#include "memory.h"
#include "recorder.h"

namespace guard {
namespace {

/// On CUDA these wait for the device by themselves, since a size or an answer of theirs depends on values.
const std::unordered_set<std::string> kWaits = {
    "aten::nonzero",    "aten::nonzero.out",        "aten::masked_select",          "aten::masked_select.out",        "aten::_unique2",
    "aten::unique_dim", "aten::unique_consecutive", "aten::unique_dim_consecutive", "aten::repeat_interleave.Tensor", "aten::bincount",
    "aten::equal",
};
/// On CUDA these take indices from the CPU, and carry them over themselves.
const std::unordered_set<std::string> kTakesHostIndices = {
    "aten::index.Tensor", "aten::index.Tensor_out", "aten::index_put_",
    "aten::index_put",    "aten::_index_put_impl_", "aten::_unsafe_index.Tensor",
};

/// Arguments that CUDA's kernels read on the device, whatever their dimensions: here a number from the CPU is no number.
const std::unordered_set<std::string> kReadOnDevice = {"index", "indices", "mask", "source", "src", "target", "tensors", "state_steps"};

/// One run of one operator: what it was called with, and what stands behind that.
class Run {
 public:
  Run(const c10::OperatorHandle& op, torch::jit::Stack& stack)
      : op_(op),
        stack_(stack),
        name_(c10::toString(op.operator_name())),
        count_(op.schema().arguments().size()),
        first_(stack.size() - count_) {}

  void operator()() {
    refuse_views();
    device_ = find_device();
    enter_operator(name_, device_.index());
    if (kWaits.contains(name_)) wait(c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream(device_));
    given_.assign(stack_.begin() + static_cast<std::ptrdiff_t>(first_), stack_.end());
    torch::jit::Stack host;
    for (size_t i = 0; i < count_; ++i) host.push_back(argument_behind(i));
    if (Recording* recording = capturing(device_.index())) return record(*recording, host);
    run(op_, host);
    adopt_sizes();
    stack_.resize(first_);
    for (size_t i = 0; i < host.size(); ++i) stack_.push_back(result(i, host[i]));
  }

 private:
  const c10::Argument& argument(size_t index) const { return op_.schema().arguments()[index]; }
  bool is_written(size_t index) const { return argument(index).alias_info() != nullptr && argument(index).alias_info()->isWrite(); }

  void refuse_views() const {
    for (const c10::Argument& result : op_.schema().returns()) {
      TORCH_CHECK(result.alias_info() == nullptr || result.alias_info()->isWrite(), "guard: no kernel for the view ", name_,
                  "; add one to operators.cc");
    }
  }

  static void run(const c10::OperatorHandle& op, torch::jit::Stack& host) {
    const at::AutoDispatchBelowADInplaceOrView below;
    op.callBoxed(host);
  }

  bool gives_fresh_tensors() const {
    const auto& returns = op_.schema().returns();
    return std::any_of(returns.begin(), returns.end(), [](const c10::Argument& result) { return result.alias_info() == nullptr; });
  }

  // Nothing runs, but for the shapes of what is returned: of an operator that writes what it was given, these are known.
  void record(Recording& recording, const torch::jit::Stack& host) {
    std::vector<int64_t> touched;
    for (const c10::IValue& value : given_) each_tensor(value, [&](const at::Tensor& tensor) { touched.push_back(number_behind(tensor)); });
    std::vector<std::pair<at::Tensor, at::Tensor>>
        sized;  // an empty `out=` gets its size, and memory, now; what the operator writes, and where it goes
    for (const auto& [tensor, made] : written_) {
      if (made.numel() == 0) sized.emplace_back(made, tensor);
    }
    torch::jit::Stack made = host;
    if (gives_fresh_tensors() || !sized.empty()) {
      for (c10::IValue& value : made) value = with_valid_indices(value);
      run(op_, made);
      adopt_sizes();
    }
    for (auto& [from, tensor] : sized) {
      touched.push_back(number_of(tensor));
      tensor = behind(tensor);
    }
    stack_.resize(first_);
    std::vector<std::pair<size_t, at::Tensor>> results;  // by place; where each goes
    for (size_t i = 0; i < op_.schema().returns().size(); ++i) {
      stack_.push_back(result(i, made[i]));
      if (op_.schema().returns()[i].alias_info() != nullptr) continue;
      TORCH_CHECK(stack_.back().isTensor(), "guard: no recording of ", name_, ", whose result is no tensor");
      if (!stack_.back().toTensor().defined()) continue;
      touched.push_back(number_of(stack_.back().toTensor()));
      results.emplace_back(i, behind(stack_.back().toTensor()));
    }
    recording.add(std::move(touched), [op = op_, host, results, sized, written = written_behind()] {
      torch::jit::Stack again = host;
      run(op, again);
      for (const auto& [from, target] : sized) target.copy_(from);
      for (const auto& [place, target] : results) target.copy_(again[place].toTensor());
      for (const auto& [target, sizes] : written)
        TORCH_CHECK(target.sizes() == sizes, "guard: an operator gave its result another size in a replay");
    });
  }

  // What has not run has left no indices yet.
  static c10::IValue with_valid_indices(const c10::IValue& value) {
    const auto valid = [](const at::Tensor& tensor) {
      return tensor.defined() && tensor.scalar_type() == at::kLong && tensor.numel() > 0 ? at::zeros_like(tensor) : tensor;
    };
    if (value.isTensor()) return valid(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(valid(tensor));
    return list;
  }

  static int64_t number_behind(const at::Tensor& tensor) { return tensor.defined() && tensor.is_privateuseone() ? number_of(tensor) : -1; }

  std::vector<std::pair<at::Tensor, std::vector<int64_t>>> written_behind() const {
    std::vector<std::pair<at::Tensor, std::vector<int64_t>>> found;
    for (const auto& [tensor, made] : written_) found.emplace_back(made, made.sizes().vec());
    return found;
  }

  template <class Visit>
  void each_tensor(const c10::IValue& value, Visit visit) const {
    if (value.isTensor()) return visit(value.toTensor());
    if (!value.isList()) return;
    for (const c10::IValue& element : value.toListRef()) {
      if (element.isTensor()) visit(element.toTensor());
    }
  }

  c10::Device find_device() const {
    std::optional<c10::Device> found;
    for (size_t i = 0; i < count_; ++i) {
      const c10::IValue& value = stack_[first_ + i];
      if (value.isDevice() && value.toDevice().is_privateuseone() && !found) found = value.toDevice();
      each_tensor(value, [&](const at::Tensor& tensor) {
        if (tensor.defined() && tensor.is_privateuseone() && !found) found = tensor.device();
      });
    }
    const c10::Device current = c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getDevice();
    return found && found->has_index() ? *found : current;
  }

  c10::IValue argument_behind(size_t index) {
    const c10::IValue& value = given_[index];
    if (value.isTensor()) return tensor_behind(value.toTensor(), index);
    if (value.isTensorList()) return list_behind(value.toTensorList(), index);
    if (value.isOptionalTensorList()) return list_behind(value.toOptionalTensorList(), index);
    if (value.isDevice()) return c10::Device(c10::kCPU);
    if (is_generator(argument(index))) return generator_behind(value);
    return value;
  }

  template <class List>
  c10::IValue list_behind(const List& list, size_t index) {
    List made;
    for (const auto& element : list) {
      using Element = typename List::value_type;
      const Element tensor = element;
      if constexpr (std::is_same_v<Element, std::optional<at::Tensor>>) {
        made.push_back(tensor ? std::optional(tensor_behind(*tensor, index)) : std::nullopt);
      } else {
        made.push_back(tensor_behind(tensor, index));
      }
    }
    return made;
  }

  at::Tensor tensor_behind(const at::Tensor& tensor, size_t index) {
    if (!tensor.defined()) return tensor;
    check_device(tensor, index);
    if (!tensor.is_privateuseone()) return from_host(tensor, index);
    at::Tensor& made = behind_[tensor.unsafeGetTensorImpl()];
    if (!made.defined())
      made = is_written(index) && tensor.numel() == 0 ? at::empty(tensor.sizes(), tensor.options().device(c10::kCPU)) : behind(tensor);
    if (is_written(index)) written_.emplace_back(tensor, made);
    return made;
  }

  bool takes_from_host(const at::Tensor& tensor, size_t index) const {
    if (!tensor.is_cpu() || is_written(index)) return false;
    const std::string& given = argument(index).name();
    if (kTakesHostIndices.contains(name_) && given == "indices") return true;
    return tensor.dim() == 0 && !kReadOnDevice.contains(given);
  }

  // In CUDA's words.
  void check_device(const at::Tensor& tensor, size_t index) const {
    TORCH_CHECK(tensor.device() == device_ || takes_from_host(tensor, index), "Expected all tensors to be on the same device, but got ",
                argument(index).name(), " is on ", tensor.device(), ", different from other tensors on ", device_,
                " (when checking argument in method ", name_, ")");
  }

  // Numbers travel with the launch; indices are carried over, and counted.
  at::Tensor from_host(const at::Tensor& tensor, size_t) const {
    if (tensor.dim() > 0) {
      counts().host_to_device.add(static_cast<int64_t>(tensor.nbytes()));
      wait(c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream(device_));
    }
    return is_capturing() ? tensor.clone() : tensor;  // the launch has its value from then on
  }

  static bool is_generator(const c10::Argument& argument) {
    c10::TypePtr type = argument.type();
    if (type->kind() == c10::TypeKind::OptionalType) type = type->castRaw<c10::OptionalType>()->getElementType();
    return type->kind() == c10::TypeKind::GeneratorType;
  }

  c10::IValue generator_behind(const c10::IValue& value) const {
    at::Generator& own = generator_of(device_.index());
    TORCH_CHECK(value.isNone() || value.toGenerator() == own, "Expected a 'guard' device type for generator but found '",
                value.toGenerator().device(), "'");
    return own;
  }

  // An operator that gave an output another size did so to what stands behind it.
  void adopt_sizes() {
    for (auto& [tensor, made] : written_) {
      if (tensor.sizes() != made.sizes()) tensor.resize_(made.sizes());
      const bool elsewhere = made.numel() > 0 && !is_behind(tensor, made);
      if (elsewhere) behind(tensor).copy_(made);
    }
  }

  static bool is_behind(const at::Tensor& tensor, const at::Tensor& made) {
    const Allocation* allocation = allocation_of(tensor.storage());
    return allocation != nullptr && allocation->host.is_alias_of(made.storage());
  }

  c10::IValue result(size_t index, const c10::IValue& value) const {
    const c10::AliasInfo* alias = op_.schema().returns()[index].alias_info();
    if (alias != nullptr) return given_[argument_like(*alias)];
    if (value.isTensor()) return to_device(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<at::Tensor> moved;
    for (const at::Tensor& tensor : value.toTensorVector()) moved.push_back(to_device(tensor));
    return moved;
  }

  size_t argument_like(const c10::AliasInfo& alias) const {
    for (size_t i = 0; i < count_; ++i) {
      if (argument(i).alias_info() != nullptr && argument(i).alias_info()->afterSets() == alias.afterSets()) return i;
    }
    TORCH_CHECK(false, "guard: no argument of ", name_, " is the result it returns");
  }

  at::Tensor to_device(const at::Tensor& made) const {
    if (!made.defined()) return made;
    at::Tensor moved = made.is_non_overlapping_and_dense() ? at::empty_strided(made.sizes(), made.strides(), made.options().device(device_))
                                                           : at::empty(made.sizes(), made.options().device(device_));
    behind(moved).copy_(made);
    return moved;
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack& stack_;
  std::string name_;
  size_t count_, first_;
  c10::Device device_{c10::kPrivateUse1, 0};
  std::vector<c10::IValue> given_;
  std::unordered_map<const c10::TensorImpl*, at::Tensor> behind_;  // one tensor given twice is one tensor behind
  std::vector<std::pair<at::Tensor, at::Tensor>> written_;
};

}  // namespace

void run_behind(const c10::OperatorHandle& op, torch::jit::Stack& stack) { Run(op, stack)(); }

}  // namespace guard
