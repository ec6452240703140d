#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>

namespace hyperfit {

struct Ops;

/// Memory for what operations need between their first line and their last (Temporaries): given out and taken back as a stack, and kept, so
/// that a pass which comes again takes none. It learns from the pass: what does not fit yet is fresh memory, and at the end of the pass
/// there is room for it. A model has one of its own.
class Arena {
 public:
  Arena(const Ops& ops, at::Device device) : ops_(&ops), device_(device) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  int64_t bytes() const { return bytes_; }

  /// While it stands, temporaries of this thread lie in the arena.
  class Use {
   public:
    /// Of a pass over so many rows, where passes of up to `most_rows` are to come: temporaries grow with the rows, and room is made for all
    /// at once.
    Use(Arena& arena, int64_t rows, int64_t most_rows);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Arena& arena_;
    Arena* before_;
    double growth_;
  };

 private:
  friend class Temporaries;
  at::Tensor take(at::IntArrayRef shape, const at::TensorOptions& options);
  void make_room(double growth);

  const Ops* ops_;
  at::Device device_;
  at::Tensor memory_;                          // bytes
  std::map<at::ScalarType, at::Tensor> typed_;  // the same as other types
  int64_t bytes_ = 0;                          // of it
  int64_t used_ = 0;                           // by the temporaries that stand
  int64_t most_ = 0;                           // of that, in this pass
};

/// What one function needs until it returns. Where a pass has no arena, as of an operation that is called by itself, it is memory like any
/// other. Nothing that is taken from it may be given back to the caller.
class Temporaries {
 public:
  Temporaries();
  ~Temporaries();
  Temporaries(const Temporaries&) = delete;
  Temporaries& operator=(const Temporaries&) = delete;

  /// Dense, with anything in it.
  at::Tensor empty(at::IntArrayRef shape, const at::TensorOptions& options) const;
  at::Tensor like(const at::Tensor& other) const { return empty(other.sizes(), other.options()); }
  /// `tensor` in that type: itself where it has that.
  at::Tensor in_type(const at::Tensor& tensor, at::ScalarType type) const;

 private:
  Arena* arena_;
  int64_t before_;
};

}  // namespace hyperfit
