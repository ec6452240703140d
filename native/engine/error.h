#pragma once
#include <stdexcept>
#include <string>

namespace hyperfit {

/// A refusal with one of the codes of lib/errors.ts. Thrown anywhere in the engine; the binding turns it into a JS
/// error that carries `code`. Messages read "expected X for `name`, got Y" and name the remedy.
class Error : public std::runtime_error {
 public:
  // Copied, never moved: moving a std::runtime_error asks for a libstdc++ newer than that of libtorch.
  Error(const Error&) = default;
  Error& operator=(const Error&) = default;
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace hyperfit
