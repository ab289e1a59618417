// A step program as the executor keeps it: instructions that were checked, weights that were packed, and runs of it over many streams.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "executor_plan.hpp"

namespace unspool::executor {

// What the executor needs of an instruction set.
struct Engine {
    int lanes;
    Execute execute;
};

// Their products and sums fit a Count.
inline constexpr Count LARGEST = Count{1} << 28;       // of a size, stride, start or number of streams
inline constexpr Count LARGEST_ARENA = Count{1} << 34; // bytes for one stream

inline constexpr Count INPUTS = 3; // values, codes, future
inline constexpr Count MOST_STATES = Count{1} << 20;

enum class Place : std::uint8_t { arena, constant, input, before, after, answer };
inline constexpr int PLACES = 6;

// Memory at the beginning of a line of the cache, all zero at first.
class Aligned {
public:
    static constexpr std::size_t LINE = 64;
    explicit Aligned(Count bytes);
    char* at() const { return at_.get(); }

private:
    struct Free {
        void operator()(char* at) const { ::operator delete[](at, std::align_val_t{LINE}); }
    };
    std::unique_ptr<char[], Free> at_;
};

// One value, or several that are views of it.
struct Buffer {
    Element element;
    Place place;
    Count index; // of an input, of a tensor of the state; of the arena, bytes before it for one stream
    Count size;  // elements a stream; of a constant, elements
    std::vector<Count> shape; // of a stream's part
    std::shared_ptr<Aligned> constant;
};

// Throws std::invalid_argument above LARGEST.
Count elements(const std::vector<Count>& shape);

// An operand as it is described: its buffer, the first element, and elements from place to place along each axis.
struct View {
    int buffer;
    Count start;
    std::vector<Count> strides;
};

struct Description {
    std::string code;
    std::vector<Count> sizes, shape;
    std::vector<View> operands;
    std::vector<float> numbers;
    std::vector<int> weights; // as `pack` numbered them, -1 for none
};

class Program {
public:
    explicit Program(Engine engine) : engine_(engine) {}

    // Numbers the buffer. A constant has its elements copied from `from`. Throws std::invalid_argument for a place that is none or is taken.
    int buffer(Element element, Place place, Count index, const std::vector<Count>& shape, const void* from);

    // Packs rows of a matrix (rows, depth) as columns of panels of `vectors` each, and numbers the result. `order` has the row of each column, -1
    // for a column of zeros, vector by vector, LANES at a time. The last panel is as narrow as it can be.
    int pack(const float* matrix, Count rows, Count depth, const std::vector<Count>& order, int vectors);

    // Adds an instruction; throws std::invalid_argument unless all that it reads and writes lies within its buffers.
    void add(const Description& description);

    // What is added from now on is needed for an answer alone; throws std::invalid_argument where something before is too.
    void end_of_state();

    // No more is added: runners point to what there is. Throws std::invalid_argument unless every tensor of the state becomes one of its own form.
    void seal();

    const Engine& engine() const { return engine_; }
    const std::vector<Buffer>& buffers() const { return buffers_; }
    Count arena_bytes() const { return arena_bytes_; } // for one stream
    const Buffer* find(Place place, Count index) const; // an input, a tensor of the state or the answer; null where there is none
    bool state_touches(Place place, Count index) const; // whether what comes before the end of the state reads or writes there
    const std::vector<Instruction>& instructions() const { return instructions_; }
    Count state_count() const { return state_count_; }
    double work() const { return work_; } // additions and multiplications for one stream

private:
    friend class Check;

    void want_open() const;
    void want_place(Place place, Count index) const;
    bool is_flat(const Description& given, Code code, Count total) const;
    template <class T>
    const T* keep(std::vector<T> values);

    Engine engine_;
    std::vector<Buffer> buffers_;
    std::vector<std::pair<std::shared_ptr<Aligned>, Count>> weights_; // with their count
    std::vector<std::shared_ptr<void>> kept_;                         // what the instructions point to
    std::vector<Instruction> instructions_;
    Count arena_bytes_ = 0, state_count_ = 0;
    double work_ = 0;
    bool sealed_ = false;
};

// A program at work on a number of streams.
class Runner {
public:
    Runner(std::shared_ptr<const Program> program, Count streams);

    Count streams() const { return streams_; }

    // Where an input, a tensor of the state or the answer is in the runs to come.
    void bind(Place place, Count index, char* at);

    // One step of the first `streams` streams; false, and `misfit` filled, where codes were out of range.
    bool run(Count streams, bool answer, Misfit& misfit);

    // For one run at a time: false where one is at work.
    bool begin() { return !busy_.exchange(true, std::memory_order_acquire); }
    void end() { busy_.store(false, std::memory_order_release); }

private:
    bool run_part(char* const* bases, Count first, Count last, bool answer, Misfit& misfit) const;
    char* const* bases_of(Count thread, Count first, Count last);
    int threads_for(Count streams) const;

    std::shared_ptr<const Program> program_;
    Count streams_;
    Aligned arena_;
    std::vector<char*> bases_;
    std::vector<std::vector<char*>> bases_of_threads_;
    std::vector<std::vector<int>> bound_[PLACES]; // buffers by place and index
    std::atomic<bool> busy_{false};
};

} // namespace unspool::executor
