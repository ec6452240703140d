#include "fallback.h"

#include <ATen/core/List.h>
#include <ATen/ops/empty_strided.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "reads.h"

namespace meta {
namespace {

/// A size or an answer of theirs depends on values.
const std::unordered_set<std::string> kReads = {
    "aten::nonzero",      "aten::nonzero.out",        "aten::masked_select", "aten::masked_select.out", "aten::_unique2",
    "aten::unique_dim",   "aten::unique_consecutive", "aten::bincount",      "aten::equal",             "aten::repeat_interleave.Tensor",
    "aten::is_nonzero",
};

class Run {
 public:
  Run(const c10::OperatorHandle& op, torch::jit::Stack& stack)
      : op_(op),
        stack_(stack),
        count_(op.schema().arguments().size()),
        given_(stack.end() - static_cast<std::ptrdiff_t>(count_), stack.end()) {}

  void operator()() {
    const std::string name = c10::toString(op_.operator_name());
    if (kReads.contains(name)) read(name);
    run_planted(name);
    torch::jit::Stack host;
    for (const c10::IValue& value : given_) host.push_back(on_zeros(value));
    op_.callBoxed(host);
    for (auto& [tensor, zeros] : written()) {
      if (tensor.sizes() != zeros.sizes()) tensor.resize_(zeros.sizes());
    }
    stack_.resize(stack_.size() - count_);
    for (size_t i = 0; i < host.size(); ++i) stack_.push_back(result(i, host[i]));
  }

 private:
  const c10::AliasInfo* alias_of(size_t argument) const { return op_.schema().arguments()[argument].alias_info(); }

  c10::IValue on_zeros(const c10::IValue& value) {
    if (value.isTensor()) return zeros(value.toTensor());
    if (value.isTensorList()) return zeros_list(value.toTensorList());
    if (value.isOptionalTensorList()) return zeros_list(value.toOptionalTensorList());
    if (value.isDevice()) return c10::Device(c10::kCPU);
    return value;
  }

  at::Tensor zeros(const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.is_meta()) return tensor;
    at::Tensor& made = zeros_[tensor.unsafeGetTensorImpl()];
    if (!made.defined()) made = at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(at::kCPU)).zero_();
    return made;
  }

  template <class List>
  List zeros_list(const List& list) {
    List made;
    for (const auto& element : list) {
      using Element = typename List::value_type;
      const Element tensor = element;
      if constexpr (std::is_same_v<Element, std::optional<at::Tensor>>) {
        made.push_back(tensor ? std::optional(zeros(*tensor)) : std::nullopt);
      } else {
        made.push_back(zeros(tensor));
      }
    }
    return made;
  }

  // Single tensors that the operator writes to, with what it wrote to instead.
  std::vector<std::pair<at::Tensor, at::Tensor>> written() {
    std::vector<std::pair<at::Tensor, at::Tensor>> pairs;
    for (size_t i = 0; i < count_; ++i) {
      if (alias_of(i) != nullptr && alias_of(i)->isWrite() && given_[i].isTensor())
        pairs.emplace_back(given_[i].toTensor(), zeros(given_[i].toTensor()));
    }
    return pairs;
  }

  c10::IValue result(size_t index, const c10::IValue& value) const {
    const c10::AliasInfo* alias = op_.schema().returns()[index].alias_info();
    if (alias != nullptr) return given_[argument_like(*alias)];
    if (value.isTensor()) return as_meta(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<at::Tensor> made;
    for (const at::Tensor& tensor : value.toTensorVector()) made.push_back(as_meta(tensor));
    return made;
  }

  size_t argument_like(const c10::AliasInfo& alias) const {
    for (size_t i = 0; i < count_; ++i) {
      if (alias_of(i) != nullptr && alias_of(i)->afterSets() == alias.afterSets()) return i;
    }
    TORCH_CHECK(false, "no argument of ", c10::toString(op_.operator_name()), " is the result it returns");
  }

  static at::Tensor as_meta(const at::Tensor& tensor) {
    return tensor.defined() ? at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(at::kMeta)) : tensor;
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack& stack_;
  size_t count_;
  std::vector<c10::IValue> given_;
  std::unordered_map<const c10::TensorImpl*, at::Tensor> zeros_;  // one tensor given twice is one of zeros
};

}  // namespace

void run_on_zeros(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Run(op, *stack)(); }

}  // namespace meta
