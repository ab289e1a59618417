// Whether an instruction stays within its buffers, whatever numbers it meets. Nothing is run that was not checked here.
#pragma once

#include <stdexcept>
#include <string>
#include <unordered_map>

#include "executor_program.hpp"

namespace unspool::executor {

// The kinds of instruction: how operands are read.
enum class Manner : std::uint8_t { one, two, truths, choice, cast, copy, reduction, along, norm, linear, matmul, embedding, one_hot, rnn, lstm, gru_before };

struct Named {
    Code code;
    Manner manner;
    std::size_t operands; // with the one that is written
};

inline const Named& named(const std::string& name) {
    static const std::unordered_map<std::string, Named> codes = {
        {"abs", {Code::abs, Manner::one, 2}}, {"cos", {Code::cos, Manner::one, 2}}, {"erf", {Code::erf, Manner::one, 2}},
        {"exp", {Code::exp, Manner::one, 2}}, {"log", {Code::log, Manner::one, 2}}, {"log1p", {Code::log1p, Manner::one, 2}},
        {"log_sigmoid", {Code::log_sigmoid, Manner::one, 2}}, {"neg", {Code::neg, Manner::one, 2}}, {"relu", {Code::relu, Manner::one, 2}},
        {"rsqrt", {Code::rsqrt, Manner::one, 2}}, {"sigmoid", {Code::sigmoid, Manner::one, 2}}, {"sin", {Code::sin, Manner::one, 2}},
        {"softplus", {Code::softplus, Manner::one, 2}}, {"sqrt", {Code::sqrt, Manner::one, 2}}, {"tanh", {Code::tanh, Manner::one, 2}},
        {"not", {Code::logical_not, Manner::one, 2}},
        {"add", {Code::add, Manner::two, 3}}, {"sub", {Code::sub, Manner::two, 3}}, {"mul", {Code::mul, Manner::two, 3}},
        {"div", {Code::div, Manner::two, 3}}, {"pow", {Code::pow, Manner::two, 3}}, {"maximum", {Code::maximum, Manner::two, 3}},
        {"minimum", {Code::minimum, Manner::two, 3}},
        {"less", {Code::less, Manner::truths, 3}}, {"less_equal", {Code::less_equal, Manner::truths, 3}}, {"equal", {Code::equal, Manner::truths, 3}},
        {"and", {Code::logical_and, Manner::truths, 3}}, {"or", {Code::logical_or, Manner::truths, 3}},
        {"where", {Code::where, Manner::choice, 4}}, {"cast", {Code::cast, Manner::cast, 2}}, {"copy", {Code::copy, Manner::copy, 2}},
        {"sum", {Code::sum, Manner::reduction, 2}}, {"mean", {Code::mean, Manner::reduction, 2}}, {"amax", {Code::amax, Manner::reduction, 2}},
        {"amin", {Code::amin, Manner::reduction, 2}},
        {"cumsum", {Code::cumsum, Manner::along, 2}}, {"softmax", {Code::softmax, Manner::along, 2}},
        {"log_softmax", {Code::log_softmax, Manner::along, 2}}, {"layer_norm", {Code::layer_norm, Manner::norm, 2}},
        {"linear", {Code::linear, Manner::linear, 2}}, {"matmul", {Code::matmul, Manner::matmul, 3}},
        {"embedding", {Code::embedding, Manner::embedding, 3}}, {"one_hot", {Code::one_hot, Manner::one_hot, 2}},
        {"rnn_tanh", {Code::rnn_tanh, Manner::rnn, 3}}, {"rnn_relu", {Code::rnn_relu, Manner::rnn, 3}},
        {"gru_reset_after", {Code::gru_reset_after, Manner::rnn, 3}}, {"gru_reset_before", {Code::gru_reset_before, Manner::gru_before, 4}},
        {"lstm", {Code::lstm, Manner::lstm, 4}},
    };
    const auto found = codes.find(name);
    if (found == codes.end()) throw std::invalid_argument("no instruction is called " + name);
    return found->second;
}

class Check {
public:
    Check(const Program& program, const Description& description) : program_(program), given_(description), named_(named(description.code)) {}

    // Throws std::invalid_argument; returns what the instruction does for one stream, in additions and multiplications.
    double operator()() const;

private:
    [[noreturn]] void refuse(const std::string& why) const { throw std::invalid_argument(given_.code + ": " + why); }
    void want(bool holds, const char* what) const { if (!holds) refuse(what); }

    const Buffer& buffer(std::size_t operand) const { return program_.buffers_[given_.operands[operand].buffer]; }
    Element element(std::size_t operand) const { return buffer(operand).element; }

    void operands() const;
    void apart(std::size_t written, std::size_t read) const;
    void within(std::size_t operand, const std::vector<std::pair<Count, Count>>& more) const;
    void rows(std::size_t operand, Count count, Count width) const;
    void packed(std::size_t index, Count floats) const;
    void shape(std::size_t count) const;
    void contiguous_result() const;
    double elementwise() const;
    double by_rows() const;
    double cell() const;
    double product() const;

    const Program& program_;
    const Description& given_;
    const Named& named_;
};

} // namespace unspool::executor
