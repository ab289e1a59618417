// The executor of step programs, compiled once for each instruction set.
#include "executor_cells.hpp"
#include "executor_codes.hpp"
#include "executor_elementwise.hpp"
#include "executor_rows.hpp"
#include "executor_sums.hpp"

namespace unspool::UNSPOOL_ISA {

namespace {

bool run(const Instruction& in, const Frame& frame) {
    switch (in.code) {
        case Code::add: case Code::sub: case Code::mul: case Code::div: case Code::pow: case Code::maximum: case Code::minimum:
            return run_arithmetic(in, frame), true;
        case Code::less: case Code::less_equal: case Code::equal: case Code::logical_and: case Code::logical_or:
            return run_comparison(in, frame), true;
        case Code::where: return run_where(in, frame), true;
        case Code::cast: return run_cast(in, frame), true;
        case Code::copy: return run_copy(in, frame), true;
        case Code::sum: case Code::mean: case Code::amax: case Code::amin: return run_reduction(in, frame), true;
        case Code::cumsum: case Code::softmax: case Code::log_softmax: return run_along(in, frame), true;
        case Code::layer_norm: return run_layer_norm(in, frame), true;
        case Code::linear: return run_linear(in, frame), true;
        case Code::matmul: return run_matmul(in, frame), true;
        case Code::embedding: return run_embedding(in, frame);
        case Code::one_hot: return run_one_hot(in, frame);
        case Code::rnn_tanh: case Code::rnn_relu: case Code::lstm: case Code::gru_reset_after: case Code::gru_reset_before:
            return run_cell(in, frame), true;
        default: return run_unary(in, frame), true;
    }
}

} // namespace

bool execute(const executor::Instruction* instructions, std::ptrdiff_t count, const executor::Frame& frame) {
    for (std::ptrdiff_t i = 0; i < count; ++i)
        if (!run(instructions[i], frame)) return false;
    return true;
}

} // namespace unspool::UNSPOOL_ISA
