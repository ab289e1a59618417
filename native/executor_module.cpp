// Arrays come in by Python's buffer protocol, which costs a tenth of what a conversion to nanobind's ndarray does.
#include "executor_module.hpp"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <deque>
#include <optional>

namespace nb = nanobind;

namespace unspool {

namespace {

using namespace executor;

// An array that is read or written as long as this lives.
class Array {
public:
    Array() = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() { release(); }

    // False where `given` is no array of that shape in C order; `streams`, where there are any, is the first axis.
    bool acquire(PyObject* given, Element element, std::optional<Count> streams, const std::vector<Count>& shape, bool write) {
        release();
        const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (write ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(given, &buffer_, flags) != 0) {
            PyErr_Clear();
            return false;
        }
        held_ = true;
        const Count bytes = bytes_of(element);
        return buffer_.itemsize == bytes && of_kind(element) && of_shape(streams, shape) && reinterpret_cast<std::uintptr_t>(buffer_.buf) % bytes == 0;
    }

    void release() {
        if (held_) PyBuffer_Release(&buffer_);
        held_ = false;
    }

    char* at() const { return static_cast<char*>(buffer_.buf); }

private:
    bool of_shape(std::optional<Count> streams, const std::vector<Count>& shape) const {
        const Py_ssize_t front = streams ? 1 : 0;
        if (buffer_.ndim != front + static_cast<Py_ssize_t>(shape.size()) || (streams && buffer_.shape[0] != *streams)) return false;
        for (std::size_t axis = 0; axis < shape.size(); ++axis)
            if (buffer_.shape[front + axis] != shape[axis]) return false;
        return true;
    }

    bool of_kind(Element element) const {
        const char* format = buffer_.format;
        if (!format || !format[0] || format[1]) return false;
        switch (element) {
            case Element::number: return *format == 'f';
            case Element::whole: return *format == 'l' || *format == 'q';
            default: return *format == '?';
        }
    }

    Py_buffer buffer_{};
    bool held_ = false;
};

// A runner with the arrays of its state: two sets, of which one is read while the other is written.
class StepRunner {
public:
    StepRunner(std::shared_ptr<Program> program, Count streams)
        : program_(std::move(program)), runner_(program_, streams), told_(program_->find(Place::answer, 0)) {
        program_->seal();
        if (!told_) throw nb::value_error("a program without an answer");
        for (Count i = 0; i < INPUTS; ++i) {
            inputs_[i] = program_->find(Place::input, i);
            state_reads_[i] = program_->state_touches(Place::input, i);
        }
    }

    // Arrays for `step`: of the state, twice, and of the answer.
    void hold(const nb::list& one, const nb::list& other, nb::handle answer) {
        const Turn turn(runner_);
        holds_ = false;
        take(states_[0], Place::before, one, runner_.streams(), true);
        take(states_[1], Place::after, other, runner_.streams(), true);
        if (!answer_.acquire(answer.ptr(), told_->element, runner_.streams(), told_->shape, true)) throw nb::type_error("answer");
        current_ = 0;
        holds_ = true;
        bind_states();
    }

    // Nothing; or, where codes were out of range, their least and most and the size of their table, and nothing is changed.
    nb::object step(nb::handle values, nb::handle codes, nb::handle future) {
        const Turn turn(runner_);
        if (!holds_) throw std::invalid_argument("a step without a state");
        const Count streams = runner_.streams();
        const std::array<nb::handle, INPUTS> given{values, codes, future};
        std::array<Array, INPUTS> arrays;
        for (Count i = 0; i < INPUTS; ++i) take_input(arrays[i], i, given[i], streams, true);
        runner_.bind(Place::answer, 0, answer_.at());
        const nb::object told = run(streams, true);
        if (told.is_none()) {
            current_ = 1 - current_;
            bind_states();
        }
        return told;
    }

    nb::object run_once(Count streams, const nb::list& inputs, const nb::list& before, const nb::list& after, nb::handle answer) {
        const Turn turn(runner_);
        if (streams < 0 || streams > runner_.streams()) throw nb::value_error("more streams than there is room for");
        std::array<Array, INPUTS> arrays;
        std::deque<Array> from, to;
        const bool asked = !answer.is_none();
        for (Count i = 0; i < INPUTS; ++i) take_input(arrays[i], i, inputs[i], streams, asked);
        take(from, Place::before, before, streams, false);
        take(to, Place::after, after, streams, true);
        Array raw;
        if (asked && !raw.acquire(answer.ptr(), told_->element, streams, told_->shape, true)) throw nb::type_error("answer");
        for (std::size_t i = 0; i < from.size(); ++i) runner_.bind(Place::before, i, from[i].at());
        for (std::size_t i = 0; i < to.size(); ++i) runner_.bind(Place::after, i, to[i].at());
        runner_.bind(Place::answer, 0, asked ? raw.at() : nullptr);
        const nb::object told = run(streams, asked);
        bind_states();
        return told;
    }

    int current() const { return current_; }

private:
    // One run at a time, for there is one arena.
    class Turn {
    public:
        explicit Turn(Runner& runner) : runner_(runner) {
            if (!runner_.begin()) throw std::runtime_error("a step is at work in another thread; give each thread an executor of its own");
        }
        ~Turn() { runner_.end(); }

    private:
        Runner& runner_;
    };

    nb::object run(Count streams, bool answer) {
        constexpr double WORTH_OTHERS = 5e5; // below, to let go of the interpreter and take it again costs more than others gain
        Misfit misfit{};
        bool well;
        if (program_->work() * static_cast<double>(streams) < WORTH_OTHERS) {
            well = runner_.run(streams, answer, misfit);
        } else {
            nb::gil_scoped_release released;
            well = runner_.run(streams, answer, misfit);
        }
        return well ? nb::none() : nb::object(nb::make_tuple(misfit.least, misfit.most, misfit.size));
    }

    // Without an answer an input may be missing, if the state does not need it.
    void take_input(Array& array, Count index, nb::handle given, Count streams, bool answer) {
        const Buffer* wanted = inputs_[index];
        if (!wanted || (given.is_none() && !answer && !state_reads_[index])) return;
        if (!array.acquire(given.ptr(), wanted->element, streams, wanted->shape, false)) throw nb::type_error("input");
        runner_.bind(Place::input, index, array.at());
    }

    void take(std::deque<Array>& arrays, Place place, const nb::list& given, Count streams, bool write) {
        arrays.clear();
        for (nb::handle one : given) {
            const Count index = static_cast<Count>(arrays.size());
            const Buffer* wanted = program_->find(place, index);
            arrays.emplace_back();
            if (!wanted || !arrays.back().acquire(one.ptr(), wanted->element, streams, wanted->shape, write)) throw nb::type_error("state");
        }
        if (program_->find(place, static_cast<Count>(arrays.size()))) throw nb::type_error("state");
    }

    void bind_states() {
        if (!holds_) return;
        for (std::size_t i = 0; i < states_[0].size(); ++i) {
            runner_.bind(Place::before, i, states_[current_][i].at());
            runner_.bind(Place::after, i, states_[1 - current_][i].at());
        }
    }

    std::shared_ptr<Program> program_;
    Runner runner_;
    const Buffer* told_;
    std::array<const Buffer*, INPUTS> inputs_{}; // null for one that is not read
    std::array<bool, INPUTS> state_reads_{};
    std::array<std::deque<Array>, 2> states_;
    Array answer_;
    int current_ = 0;
    bool holds_ = false;
};

Element element_named(const std::string& name) {
    if (name == "float") return Element::number;
    if (name == "int") return Element::whole;
    if (name == "bool") return Element::truth;
    throw nb::value_error("no kind of element");
}

Place place_named(const std::string& name) {
    const char* const names[PLACES] = {"arena", "constant", "input", "before", "after", "answer"};
    for (int i = 0; i < PLACES; ++i)
        if (name == names[i]) return static_cast<Place>(i);
    throw nb::value_error("no kind of place");
}

int add_buffer(Program& program, const std::string& element, const std::string& place, Count index, const std::vector<Count>& shape,
               nb::handle constant) {
    const Place at = place_named(place);
    Array array;
    if (at == Place::constant && !array.acquire(constant.ptr(), element_named(element), std::nullopt, shape, false))
        throw nb::type_error("a constant of another shape");
    return program.buffer(element_named(element), at, index, shape, at == Place::constant ? array.at() : nullptr);
}

int add_weights(Program& program, nb::handle matrix, Count rows, Count depth, const std::vector<Count>& order, int vectors) {
    Array array;
    if (!array.acquire(matrix.ptr(), Element::number, std::nullopt, {rows, depth}, false)) throw nb::type_error("weights of another shape");
    return program.pack(reinterpret_cast<const float*>(array.at()), rows, depth, order, vectors);
}

void add_instruction(Program& program, const std::string& code, const std::vector<Count>& sizes,
                     const std::vector<std::tuple<int, Count, std::vector<Count>>>& operands, const std::vector<Count>& shape,
                     const std::vector<float>& numbers, const std::vector<int>& weights) {
    Description made{code, sizes, shape, {}, numbers, weights};
    for (const auto& [buffer, start, strides] : operands) made.operands.push_back({buffer, start, strides});
    program.add(made);
}

} // namespace

void add_executor(nb::module_& module, Engine (*engine)()) {
    nb::class_<Program>(module, "StepProgram", nb::is_weak_referenceable())
        .def("__init__", [engine](Program* at) { new (at) Program(engine()); })
        .def_prop_ro("lanes", [](const Program& program) { return program.engine().lanes; })
        .def("buffer", &add_buffer, nb::arg("element"), nb::arg("place"), nb::arg("index"), nb::arg("shape"), nb::arg("constant").none())
        .def("weights", &add_weights)
        .def("add", &add_instruction)
        .def("end_of_state", &Program::end_of_state);
    nb::class_<StepRunner>(module, "StepRunner")
        .def(nb::init<std::shared_ptr<Program>, Count>())
        .def("hold", &StepRunner::hold, nb::arg("one"), nb::arg("other"), nb::arg("answer").none())
        .def("step", &StepRunner::step, nb::arg("values").none(), nb::arg("codes").none(), nb::arg("future").none())
        .def("run", &StepRunner::run_once, nb::arg("streams"), nb::arg("inputs"), nb::arg("before"), nb::arg("after"), nb::arg("answer").none())
        .def_prop_ro("current", &StepRunner::current);
}

} // namespace unspool
