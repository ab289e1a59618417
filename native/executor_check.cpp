#include "executor_check.hpp"

#include <cstdlib>

namespace unspool::executor {

double Check::operator()() const {
    want(given_.operands.size() == named_.operands, "another number of operands");
    want(!given_.sizes.empty() && given_.sizes.size() <= MOST_AXES, "its axes");
    for (Count size : given_.sizes) want(size >= 1 && size <= LARGEST, "an axis of no length");
    for (Count size : given_.shape) want(size >= 0 && size <= LARGEST, "a size of its rows");
    for (int index : given_.weights) want(index >= -1 && index < static_cast<int>(program_.weights_.size()), "weights that are not there");
    operands();
    switch (named_.manner) {
        case Manner::rnn: case Manner::lstm: case Manner::gru_before: return cell();
        case Manner::linear: case Manner::matmul: return product();
        case Manner::reduction: case Manner::along: case Manner::norm: case Manner::embedding: case Manner::one_hot: return by_rows();
        default: return elementwise();
    }
}

void Check::operands() const {
    for (const View& view : given_.operands) {
        want(view.buffer >= 0 && view.buffer < static_cast<int>(program_.buffers_.size()), "a buffer that is not there");
        want(view.strides.size() == given_.sizes.size(), "strides of other axes");
        want(view.start >= 0 && view.start <= LARGEST, "where an operand begins");
        for (Count stride : view.strides) want(std::abs(stride) <= LARGEST, "a stride");
    }
    const Place place = buffer(0).place;
    want(place == Place::arena || place == Place::after || place == Place::answer, "writes where nothing may be written");
    for (std::size_t read = 1; read < given_.operands.size(); ++read) apart(0, read);
}

// What is written while the instruction runs is not read by it.
void Check::apart(std::size_t written, std::size_t read) const {
    const Buffer &to = buffer(written), &from = buffer(read);
    const auto end = [](const Buffer& one) { return one.index + one.size * bytes_of(one.element); };
    const bool meet = to.place == Place::arena && from.place == Place::arena ? to.index < end(from) && from.index < end(to) : &to == &from;
    want(!meet, "reads where it writes");
}

// All elements of the axes and of `more`, (size, stride) each, lie within the buffer.
void Check::within(std::size_t operand, const std::vector<std::pair<Count, Count>>& more) const {
    const View& view = given_.operands[operand];
    Count least = view.start, most = view.start;
    const auto reach = [&](Count size, Count stride) { (stride < 0 ? least : most) += (size - 1) * stride; };
    for (std::size_t axis = 0; axis < given_.sizes.size(); ++axis) reach(given_.sizes[axis], view.strides[axis]);
    for (const auto& [size, stride] : more) {
        if (size == 0) return; // nothing is read
        reach(size, stride);
    }
    want(least >= 0 && most < buffer(operand).size, "reaches beyond a buffer");
}

// Rows of all streams at one distance, as `rows_of` goes over them.
void Check::rows(std::size_t operand, Count count, Count width) const {
    const Buffer& held = buffer(operand);
    want(held.place != Place::constant, "rows of a constant");
    want(given_.operands[operand].start + count * width <= held.size, "rows beyond a buffer");
    want(count == 1 || (given_.operands[operand].start == 0 && held.size == count * width), "rows with room between streams");
}

void Check::packed(std::size_t index, Count floats) const {
    want(index < given_.weights.size() && given_.weights[index] >= 0, "weights that are missing");
    want(program_.weights_[given_.weights[index]].second >= floats, "weights that are too few");
}

void Check::shape(std::size_t count) const { want(given_.shape.size() == count, "another shape of rows"); }

void Check::contiguous_result() const {
    Count step = 1;
    for (std::size_t axis = given_.sizes.size(); axis-- > 0; step *= given_.sizes[axis])
        want(given_.sizes[axis] == 1 || given_.operands[0].strides[axis] == step, "a result with gaps");
}

double Check::elementwise() const {
    for (std::size_t i = 0; i < named_.operands; ++i) within(i, {});
    const Element result = element(0), read = element(1);
    const bool truth = result == Element::truth;
    if (named_.manner != Manner::copy) contiguous_result();
    switch (named_.manner) {
        case Manner::one: {
            const Element wanted = named_.code == Code::logical_not ? Element::truth : Element::number;
            want(result == read && (read == wanted || (read == Element::whole && named_.code == Code::neg)), "elements of another kind");
            if (named_.code == Code::softplus) want(given_.numbers.size() == 2, "its numbers");
            break;
        }
        case Manner::two: {
            const bool whole = named_.code != Code::div && named_.code != Code::pow;
            want(result == read && read == element(2) && (read == Element::number || (read == Element::whole && whole)), "elements of another kind");
            break;
        }
        case Manner::truths: {
            const bool logical = named_.code == Code::logical_and || named_.code == Code::logical_or;
            want(truth && read == element(2) && (!logical || read == Element::truth), "elements of another kind");
            break;
        }
        case Manner::choice: want(read == Element::truth && element(2) == result && element(3) == result, "elements of another kind"); break;
        case Manner::copy: want(result == read, "elements of another kind"); break;
        default: break;
    }
    double total = 1;
    for (Count size : given_.sizes) total *= static_cast<double>(size);
    return 4 * total;
}

double Check::by_rows() const {
    const std::vector<Count>& shape = given_.shape;
    const bool codes = named_.manner == Manner::embedding || named_.manner == Manner::one_hot;
    this->shape(named_.manner == Manner::embedding ? 3 : 2);
    const Element result = named_.manner == Manner::one_hot ? Element::whole : Element::number;
    want(element(0) == result && element(1) == (codes ? Element::whole : Element::number), "elements of another kind");
    if (codes) {
        const Count width = named_.manner == Manner::embedding ? shape[2] : shape[1];
        want(buffer(1).place != Place::constant, "rows of a constant");
        want(given_.operands[1].start + shape[0] <= buffer(1).size && given_.operands[0].start + shape[0] * width <= buffer(0).size, "rows beyond a buffer");
        if (named_.manner == Manner::embedding)
            want(element(2) == Element::number && buffer(2).place == Place::constant && given_.operands[2].start + shape[1] * width <= buffer(2).size,
                 "a table of another size");
        return static_cast<double>(shape[0] * width);
    }
    want(shape[1] >= 1, "rows of nothing");
    rows(1, shape[0], shape[1]);
    rows(0, shape[0], named_.manner == Manner::reduction ? 1 : shape[1]);
    if (named_.manner == Manner::norm) {
        want(given_.numbers.size() == 1 && given_.weights.size() == 2, "its numbers and weights");
        for (std::size_t i = 0; i < 2; ++i)
            if (given_.weights[i] >= 0) packed(i, shape[1]);
    }
    return 8.0 * static_cast<double>(shape[0] * shape[1]);
}

double Check::product() const {
    const std::vector<Count>& shape = given_.shape;
    const Count lanes = program_.engine_.lanes;
    for (std::size_t i = 0; i < named_.operands; ++i) want(element(i) == Element::number, "elements of another kind");
    if (named_.manner == Manner::linear) {
        this->shape(3);
        rows(0, shape[0], shape[2]);
        rows(1, shape[0], shape[1]);
        const Count columns = (shape[2] + lanes - 1) / lanes * lanes;
        packed(0, columns * shape[1]);
        packed(1, columns);
        return 2.0 * static_cast<double>(shape[0]) * static_cast<double>(shape[1]) * static_cast<double>(shape[2]);
    }
    this->shape(6);
    const Count high = shape[0], deep = shape[1], wide = shape[2];
    want(high >= 1 && wide >= 1, "rows of nothing");
    within(0, {{high, wide}, {wide, 1}});
    within(1, {{deep, shape[4]}, {high, shape[3]}});
    within(2, {{deep, shape[5]}, {wide, 1}});
    double places = 1;
    for (Count size : given_.sizes) places *= static_cast<double>(size);
    return 2.0 * places * static_cast<double>(high * wide) * static_cast<double>(deep);
}

double Check::cell() const {
    shape(3);
    const Count inputs = given_.shape[0], hidden = given_.shape[1], padded = given_.shape[2], lanes = program_.engine_.lanes;
    const bool lstm = named_.manner == Manner::lstm, before = named_.manner == Manner::gru_before, gru = before || named_.code == Code::gru_reset_after;
    for (std::size_t i = 0; i < named_.operands; ++i) want(element(i) == Element::number, "elements of another kind");
    want(hidden >= 1 && padded >= hidden && padded % (3 * lanes) == 0, "its width");
    rows(0, 1, lstm ? 2 * hidden : hidden);
    rows(1, 1, inputs);
    rows(2, 1, hidden);
    if (lstm) rows(3, 1, hidden);
    if (before) {
        rows(3, 1, 3 * padded);
        want(buffer(3).place == Place::arena, "no room to work in");
        for (std::size_t read = 1; read < 3; ++read) apart(3, read);
    }
    const Count narrow = (hidden + lanes - 1) / lanes * lanes, wide = (hidden + 3 * lanes - 1) / (3 * lanes) * 3 * lanes;
    const Count columns = lstm ? 4 * narrow : gru ? 3 * narrow : wide;
    packed(0, columns * inputs);
    packed(1, (before ? 2 * narrow : columns) * hidden);
    packed(2, named_.code == Code::gru_reset_after ? 4 * narrow : columns);
    if (before) packed(3, wide * hidden);
    return 2.0 * static_cast<double>(columns) * static_cast<double>(inputs + hidden);
}

} // namespace unspool::executor
