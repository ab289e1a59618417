#include "executor_program.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "executor_check.hpp"
#include "pool.hpp"

namespace unspool::executor {

Aligned::Aligned(Count bytes) : at_(static_cast<char*>(::operator new[](std::max<Count>(bytes, 1), std::align_val_t{LINE}))) {
    std::memset(at_.get(), 0, std::max<Count>(bytes, 1));
}

template <class T>
const T* Program::keep(std::vector<T> values) {
    const auto kept = std::make_shared<std::vector<T>>(std::move(values));
    kept_.push_back(kept);
    return kept->data();
}

int Program::buffer(Element element, Place place, Count index, const std::vector<Count>& shape, const void* from) {
    want_open();
    want_place(place, index);
    const Count size = elements(shape);
    Buffer made{element, place, index, size, shape, nullptr};
    if (place == Place::constant) {
        made.constant = std::make_shared<Aligned>(size * bytes_of(element));
        if (size) std::memcpy(made.constant->at(), from, size * bytes_of(element));
    }
    if (place == Place::arena) {
        arena_bytes_ = std::max(arena_bytes_, index + (size * bytes_of(element) + 63) / 64 * 64);
    }
    buffers_.push_back(std::move(made));
    return static_cast<int>(buffers_.size()) - 1;
}

void Program::want_open() const {
    if (sealed_) throw std::invalid_argument("a program at work takes no more");
}

// A place of the arena may be taken twice: buffers that are never needed at once share memory.
void Program::want_place(Place place, Count index) const {
    const Count most[PLACES] = {LARGEST_ARENA, LARGEST, INPUTS - 1, MOST_STATES, MOST_STATES, 0};
    if (index < 0 || index > most[static_cast<int>(place)]) throw std::invalid_argument("a buffer that is nowhere");
    if (place == Place::arena && index % static_cast<Count>(Aligned::LINE)) throw std::invalid_argument("a buffer that begins within a line of the cache");
    if (place != Place::arena && place != Place::constant && find(place, index)) throw std::invalid_argument("a place that is taken");
}

Count elements(const std::vector<Count>& shape) {
    Count product = 1;
    for (Count size : shape) {
        if (size < 0 || size > LARGEST || (size > 0 && product > LARGEST / size)) throw std::invalid_argument("a shape of no size");
        product *= size;
    }
    return product;
}

int Program::pack(const float* matrix, Count rows, Count depth, const std::vector<Count>& order, int vectors) {
    want_open();
    const Count lanes = engine_.lanes, columns = static_cast<Count>(order.size());
    if (vectors < 1 || vectors > 8 || columns % lanes || columns > LARGEST || rows < 0 || depth < 0 || depth > LARGEST)
        throw std::invalid_argument("columns that fill no vectors");
    for (Count row : order)
        if (row < -1 || row >= rows) throw std::invalid_argument("a row that the matrix has not");
    auto packed = std::make_shared<Aligned>(columns * depth * 4);
    float* to = reinterpret_cast<float*>(packed->at());
    for (Count first = 0; first < columns; first += vectors * lanes) {
        const Count width = std::min(columns - first, vectors * lanes);
        for (Count k = 0; k < depth; ++k)
            for (Count c = 0; c < width; ++c, ++to)
                if (order[first + c] >= 0) *to = matrix[order[first + c] * depth + k];
    }
    weights_.emplace_back(std::move(packed), columns * depth);
    return static_cast<int>(weights_.size()) - 1;
}

namespace {

// True where the streams follow each other at one distance: all numbers of an operand are one run, or it is one number.
bool runs_on(const View& view, const Buffer& buffer, const std::vector<Count>& sizes, Count total) {
    if (buffer.place == Place::constant) return std::all_of(view.strides.begin(), view.strides.end(), [](Count stride) { return stride == 0; });
    if (total == 1) return true;
    return view.start == 0 && buffer.size == total && sizes.size() == 1 && view.strides[0] == 1;
}

} // namespace

bool Program::is_flat(const Description& given, Code code, Count total) const {
    if (code >= Code::sum) return false; // goes by rows
    const bool gaps = buffers_[given.operands[0].buffer].size != total; // between what is written for one stream and the next
    return (code == Code::copy || !gaps) && std::all_of(given.operands.begin(), given.operands.end(), [&](const View& view) {
               return runs_on(view, buffers_[view.buffer], given.sizes, total);
           });
}

void Program::add(const Description& given) {
    want_open();
    const double work = Check(*this, given)();
    Instruction made{};
    made.code = named(given.code).code;
    made.axes = static_cast<int>(given.sizes.size());
    made.operand_count = static_cast<int>(given.operands.size());
    made.sizes = keep(given.sizes);
    made.shape = keep(given.shape);
    made.numbers = keep(given.numbers);
    made.total = 1;
    for (Count size : given.sizes) made.total *= size;
    made.flat = is_flat(given, made.code, made.total);
    std::vector<Operand> operands;
    for (const View& view : given.operands) {
        const Buffer& held = buffers_[view.buffer];
        const Count stream = held.place == Place::constant ? 0 : held.size;
        std::vector<Count> strides = view.strides;
        if (made.flat) strides.back() = held.place == Place::constant ? 0 : made.total == 1 ? stream : 1;
        operands.push_back({view.buffer, held.element, view.start, stream, keep(std::move(strides))});
    }
    made.operands = keep(std::move(operands));
    std::vector<const float*> weights;
    for (int index : given.weights) weights.push_back(index < 0 ? nullptr : reinterpret_cast<const float*>(weights_[index].first->at()));
    made.weights = keep(std::move(weights));
    instructions_.push_back(made);
    work_ += work;
}

void Program::end_of_state() {
    want_open();
    state_count_ = static_cast<Count>(instructions_.size());
    if (state_touches(Place::answer, 0)) throw std::invalid_argument("a state that needs the answer");
}

void Program::seal() {
    if (sealed_) return;
    for (const Buffer& one : buffers_) {
        if (one.place != Place::before && one.place != Place::after) continue;
        const Buffer* other = find(one.place == Place::before ? Place::after : Place::before, one.index);
        if (!other || other->element != one.element || other->shape != one.shape) throw std::invalid_argument("a state that becomes another");
        if (one.index > 0 && !find(one.place, one.index - 1)) throw std::invalid_argument("a state left out");
    }
    sealed_ = true;
}

const Buffer* Program::find(Place place, Count index) const {
    for (const Buffer& one : buffers_)
        if (one.place == place && one.index == index) return &one;
    return nullptr;
}

bool Program::state_touches(Place place, Count index) const {
    return std::any_of(instructions_.begin(), instructions_.begin() + state_count_, [&](const Instruction& one) {
        return std::any_of(one.operands, one.operands + one.operand_count, [&](const Operand& operand) {
            return buffers_[operand.buffer].place == place && buffers_[operand.buffer].index == index;
        });
    });
}

namespace {

Count checked_streams(Count streams) {
    if (streams < 1 || streams > LARGEST) throw std::invalid_argument("no number of streams");
    return streams;
}

} // namespace

Runner::Runner(std::shared_ptr<const Program> program, Count streams)
    : program_(std::move(program)), streams_(checked_streams(streams)), arena_(streams_ * program_->arena_bytes()) {
    for (const Buffer& buffer : program_->buffers()) {
        char* at = nullptr;
        if (buffer.place == Place::arena) at = arena_.at() + buffer.index * streams;
        else if (buffer.place == Place::constant) at = buffer.constant->at();
        else {
            auto& of_place = bound_[static_cast<int>(buffer.place)];
            if (of_place.size() <= static_cast<std::size_t>(buffer.index)) of_place.resize(buffer.index + 1);
            of_place[buffer.index].push_back(static_cast<int>(bases_.size()));
        }
        bases_.push_back(at);
    }
}

void Runner::bind(Place place, Count index, char* at) {
    auto& of_place = bound_[static_cast<int>(place)];
    if (static_cast<std::size_t>(index) >= of_place.size()) return;
    for (int buffer : of_place[index]) bases_[buffer] = at;
}

bool Runner::run_part(char* const* bases, Count first, Count last, bool answer, Misfit& misfit) const {
    const auto& all = program_->instructions();
    const Count count = answer ? static_cast<Count>(all.size()) : program_->state_count();
    return program_->engine().execute(all.data(), count, {bases, first, last, &misfit});
}

// Values of different sizes take turns in the arena, so streams that are not in step need arenas of their own: each thread has the part of the arena that its
// streams make up. Bases are those of stream 0.
char* const* Runner::bases_of(Count thread, Count first, Count last) {
    std::vector<char*>& bases = bases_of_threads_[thread];
    bases = bases_;
    for (std::size_t i = 0; i < bases.size(); ++i) {
        const Buffer& buffer = program_->buffers()[i];
        if (buffer.place != Place::arena) continue;
        bases[i] = arena_.at() + first * (program_->arena_bytes() - buffer.size * bytes_of(buffer.element)) + buffer.index * (last - first);
    }
    return bases.data();
}

// Waking a thread takes some microseconds, so each must have more than that to do.
int Runner::threads_for(Count streams) const {
#if defined(_OPENMP)
    constexpr double LEAST_WORK = 2e6;
    constexpr Count LEAST_STREAMS = 4;
    const double worth = std::min(program_->work() * static_cast<double>(streams) / LEAST_WORK, static_cast<double>(streams) / LEAST_STREAMS);
    if (worth < 2 || !has_pool() || omp_in_parallel()) return 1;
    return static_cast<int>(std::min<double>(worth, omp_get_max_threads()));
#else
    (void)streams;
    return 1;
#endif
}

bool Runner::run(Count streams, bool answer, Misfit& misfit) {
    const int threads = threads_for(streams);
    if (threads == 1) return run_part(bases_.data(), 0, streams, answer, misfit);
    if (bases_of_threads_.size() < static_cast<std::size_t>(threads)) bases_of_threads_.resize(threads, bases_);
    bool well = true;
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads) reduction(&& : well)
    {
        const Count thread = omp_get_thread_num(), count = omp_get_num_threads(), blocks = (streams + 3) / 4;
        const Count first = std::min(streams, blocks * thread / count * 4), last = std::min(streams, blocks * (thread + 1) / count * 4);
        Misfit own{};
        well = run_part(bases_of(thread, first, last), first, last, answer, own);
    }
#endif
    // Once more, so that the codes of all streams are told, not of one thread's alone.
    return well || run_part(bases_.data(), 0, streams, answer, misfit);
}

} // namespace unspool::executor
