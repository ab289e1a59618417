// Cross-entropy of a softmax over a vocabulary, and its gradients. Each thread works on some of the words: the product with their vectors, a pass in which
// exponentials beside the truth's take the place of logits and are added up, then both gradients while they are in the cache. A probability is an exponential
// times a number that is its row's, which is left to the states on the other side of each product. Rows of one group lack the same features where dropout has
// one mask for all their steps: what is dropped is left out of all three products.
#pragma once

#include <float.h>
#include <math.h>

#include "cross_entropy_room.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

class CrossEntropy {
public:
    CrossEntropy(const EntropyCall& call, const EntropyPlan& plan, const Team& team, float* base)
        : call_(call), plan_(plan), team_(team), room_(call, plan, team.threads, base) {
        const Size thread = team.thread;
        by_rows_ = room_.by_rows + thread * room_.panels_floats;
        vector_rows_ = room_.vector_rows + thread * call.width;
        gradient_rows_ = room_.gradient_rows + thread * call.width;
        state_rows_ = room_.state_rows + thread * call.width;
    }

    void operator()() {
        if (!plan_.chunks && call_.of_weight && !team_.thread) std::memset(call_.of_weight, 0, call_.words * call_.width * sizeof(float));
        for (Size c = 0; c < plan_.chunks; ++c) {
            chunk_ = plan_.chunk + c;
            gather();
            team_.wait();
            surprise();
            team_.wait();
            settle();
            team_.wait();
            if (!call_.learns()) continue;
            gradients();
            team_.wait();
            if (call_.of_states) write_states();
        }
    }

private:
    static constexpr float LIKELIER = 40; // exponentials up to e^40 may be added up, and no probability is lost beside them

    // Calls `begin` and then `work` with all blocks for runs that this thread takes.
    template <class Begin, class Work>
    UNSPOOL_INLINE void each_run(Begin begin, Work work) {
        team_.share(true, room_.cut.runs(), room_.cut.runs_each, 1, [&](const Range taken) {
            beside_ = room_.beside + taken.first * plan_.most_rows;
            sums_ = room_.sums + taken.first * plan_.most_rows * LANES;
            of_states_ = room_.of_states + taken.first * room_.chunk_floats;
            begin();
            room_.cut.each_block(team_, taken.first, work);
        });
    }

    UNSPOOL_INLINE int words_of(Size vector) const {
        const Size left = call_.words - vector * LANES;
        return static_cast<int>(left < LANES ? left : LANES);
    }

    UNSPOOL_INLINE float* states_of(const Piece& piece) const { return room_.states + piece.first * room_.states_row; }
    UNSPOOL_INLINE bool whole(const Piece& piece) const { return piece.width == call_.width; }
    UNSPOOL_INLINE Size place(const Piece& piece) const { return (&piece - chunk_->piece) * room_.piece_floats; }

    // States of this thread's pieces, without what is dropped.
    void gather() {
        const Range own = team_.part(chunk_->pieces);
        for (Size p = own.first; p < own.last; ++p) {
            const Piece& piece = chunk_->piece[p];
            float* const to = states_of(piece);
            for (Size r = 0; r < piece.count; ++r) {
                const float* const from = call_.states + piece.rows[r] * call_.width;
                float* const row = to + r * room_.states_row;
                if (piece.width && whole(piece)) std::memcpy(row, from, piece.width * sizeof(float)); // of no features there is no address
                else
                    for (Size k = 0; k < piece.width; ++k) row[k] = from[piece.features[k]];
            }
            for (Size r = 0; r < piece.count; ++r) room_.truth[piece.first + r] = logit_of_truth(piece, r);
            if (!call_.of_weight) continue;
            for (Size r = 0; r < piece.count; r += LANES) {
                const Size left = piece.count - r;
                pack_vector(room_.turned + place(piece) + r, room_.piece_row, to + r * room_.states_row, room_.states_row,
                            static_cast<int>(left < LANES ? left : LANES), piece.width);
            }
        }
    }

    // Added up and rounded as the product does, so that no probability is above one: were it left to the compiler, products would be rounded first.
    float logit_of_truth(const Piece& piece, Size r) const {
        const Size word = call_.truth[piece.rows[r]];
        const float *const state = states_of(piece) + r * room_.states_row, *const vector = call_.weight + word * call_.width;
        Vec sum = splat(call_.bias[word]);
        for (Size k = 0; k < piece.width; ++k) sum += in_register(splat(state[k])) * vector[piece.features[k]];
        return sum[0];
    }

    UNSPOOL_INLINE float* words_as_columns(const Words& words) const { return room_.vectors + words.number * room_.block_floats; }

    // Vectors of a block of words as columns.
    void pack(const Words& words) {
        for (Size v = 0; v < words.vectors; ++v)
            pack_vector(words_as_columns(words) + v * LANES, room_.block_row, call_.weight + (words.first + v) * LANES * call_.width, call_.width,
                        words_of(words.first + v), call_.width);
    }

    // Exponentials of all rows, and their sums.
    void surprise() {
        const auto begin = [&] {
            std::memset(sums_, 0, chunk_->rows * LANES * sizeof(float));
            for (Size r = 0; r < chunk_->rows; ++r) beside_[r] = finite(room_.truth[r]);
        };
        each_run(begin, [&](const Words& words) {
            if (chunk_ == plan_.chunk) pack(words);
            for (Size p = 0; p < chunk_->pieces; ++p) {
                const Piece& piece = chunk_->piece[p];
                read_from(piece, words);
                for (Size v = 0; v < words.vectors; v += WIDE)
                    with_vectors(words.wide(v), [&](auto vectors) { logits<vectors()>(piece, words, v); });
                for (Size r = piece.first; r < piece.first + piece.count; ++r) {
                    add_up(words, r);
                    ask_for_next(words, r);
                }
            }
            if (call_.learns()) std::memcpy(room_.beside_of_block + words.number * plan_.most_rows, beside_, chunk_->rows * sizeof(float));
        });
    }

    // The logits of some words, those of a panel of their vectors from the block's number `v` on: of all rows, one after the other.
    UNSPOOL_INLINE float* panel_of(const Words& words, Size v) const {
        return room_.logits + ((call_.learns() ? words.word() : team_.thread * room_.cut.block * LANES) + v * LANES) * plan_.most_rows;
    }

    UNSPOOL_INLINE float* panel_of(const Words& words, Size v, Size row) const { return panel_of(words, v) + row * words.wide(v) * LANES; }

    template <int V>
    void logits(const Piece& piece, const Words& words, Size v) {
        alignas(64) float bias[V * LANES];
        for (int i = 0; i < V; ++i) {
            const int count = words_of(words.first + v + i);
            store(bias + i * LANES, first_lanes(some(call_.bias + (words.first + v + i) * LANES, count), count, -INFINITY));
        }
        product_with_rows<V>(Strided{states_of(piece), room_.states_row}, piece.count, vector_rows_, v * LANES, piece.width, {bias, 0, LANES},
                             {panel_of(words, v, piece.first), V * LANES, LANES});
    }

    // Calls `work` with the place of each vector of a row's words.
    template <class Work>
    UNSPOOL_INLINE void each_vector(const Words& words, Size row, Work work) const {
        for (Size v = 0; v < words.vectors; v += WIDE) {
            float* const panel = panel_of(words, v, row);
            for (Size i = 0; i < words.wide(v); ++i) work(panel + i * LANES);
        }
    }

    // A part of the next block's vectors, which are far away once they stand as columns, with each row.
    void ask_for_next(const Words& words, Size row) const {
        if (chunk_ == plan_.chunk || words.last) return;
        const float* const next = words_as_columns(words) + room_.block_floats;
        const Size lines = room_.block_floats / LINE, each = (lines + chunk_->rows - 1) / chunk_->rows;
        for (Size l = each * row; l < each * (row + 1) && l < lines; ++l) ask_for(next + l * LINE);
    }

    // Exponentials take the place of a row's logits. Where a word is so much likelier than the truth that its own might be too large, those from here on are
    // relative to that word's.
    void add_up(const Words& words, Size row) {
        Vec largest = splat(-INFINITY), all = load(sums_ + row * LANES);
        each_vector(words, row, [&](float* at) { largest = at_least(load(at), largest); });
        if (const float found = most(largest); found > beside_[row] + LIKELIER) {
            all *= ::expf(beside_[row] - found);
            beside_[row] = found;
        }
        const float beside = beside_[row];
        each_vector(words, row, [&](float* at) {
            const Vec e = exp(load(at) - beside);
            store(at, e);
            all += e;
        });
        store(sums_ + row * LANES, all);
    }

    // What all runs have found of this thread's rows.
    void settle() {
        const Range own = team_.part(chunk_->pieces);
        for (Size p = own.first; p < own.last; ++p) {
            const Piece& piece = chunk_->piece[p];
            for (Size i = 0; i < piece.count; ++i) settle_row(piece.first + i, piece.rows[i]);
            if (!call_.of_weight) continue;
            for (Size k = 0; k < piece.width; ++k)
                for (Size r = 0; r < piece.count; ++r) room_.turned[place(piece) + k * room_.piece_row + r] *= room_.scale[piece.first + r];
        }
    }

    // The whole of a row's exponentials, relative to what the largest of any run's are: to the truth, unless it is all but impossible.
    void settle_row(Size r, Size row) {
        const float truth = room_.truth[r];
        float largest = finite(truth), all = 0;
        for (Size run = 0; run < room_.cut.runs(); ++run) largest = ::fmaxf(largest, room_.beside[run * plan_.most_rows + r]);
        for (Size run = 0; run < room_.cut.runs(); ++run) {
            const Size place = run * plan_.most_rows + r;
            all += added(load(room_.sums + place * LANES)) * ::expf(room_.beside[place] - largest);
        }
        call_.surprise[row] = largest - truth + ::logf(all);
        if (!call_.learns()) return;
        room_.anchor[r] = largest;
        room_.whole[r] = all;
        room_.scale[r] = call_.shares[row] / all;
    }

    // A number beside which words that are ruled out are nothing, as the truth may be.
    static UNSPOOL_INLINE float finite(float logit) { return logit < -FLT_MAX ? -FLT_MAX : logit; }

    void gradients() {
        const auto begin = [&] {
            if (!call_.of_states) return;
            for (Size p = 0; p < chunk_->pieces; ++p) {
                const Piece& piece = chunk_->piece[p];
                std::memset(of_states_ + place(piece), 0, piece.width * room_.piece_row * sizeof(float));
            }
        };
        each_run(begin, [&](const Words& words) {
            gradients_of_words_ = room_.gradients + (plan_.chunks > 1 ? words.number : team_.thread) * room_.block_floats;
            if (call_.of_weight && chunk_ == plan_.chunk) std::memset(gradients_of_words_, 0, call_.width * room_.block_row * sizeof(float));
            for (Size p = 0; p < chunk_->pieces; ++p) {
                const Piece& piece = chunk_->piece[p];
                read_from(piece, words);
                add_to(piece);
                less_truth(piece, words);
                for (Size v = 0; v < words.vectors; v += WIDE)
                    with_vectors(words.wide(v), [&](auto vectors) {
                        if (call_.of_bias) add_bias<vectors()>(piece, words, v);
                        if (call_.of_weight) add_words<vectors()>(piece, words, v);
                    });
                if (call_.of_states) add_states(piece, words);
            }
            if (call_.of_weight && chunk_ + 1 == plan_.chunk + plan_.chunks) write_words(words);
        });
    }

    // The rows of a piece's features, in the vectors of words.
    void read_from(const Piece& piece, const Words& words) {
        for (Size k = 0; k < piece.width; ++k) vector_rows_[k] = words_as_columns(words) + piece.features[k] * room_.block_row;
    }

    // And in both gradients.
    void add_to(const Piece& piece) {
        for (Size k = 0; k < piece.width; ++k) {
            gradient_rows_[k] = gradients_of_words_ + piece.features[k] * room_.block_row;
            state_rows_[k] = of_states_ + place(piece) + k * room_.piece_row;
        }
    }

    // Exponentials, relative to what all runs' are, less the whole where the truth is.
    void less_truth(const Piece& piece, const Words& words) {
        const float* const beside = room_.beside_of_block + words.number * plan_.most_rows;
        for (Size i = 0; i < piece.count; ++i) {
            const Size r = piece.first + i, at = call_.truth[piece.rows[i]] - words.word();
            if (beside[r] != room_.anchor[r]) {
                const float times = ::expf(beside[r] - room_.anchor[r]);
                each_vector(words, r, [&](float* e) { store(e, times * load(e)); });
            }
            if (at < 0 || at >= words.width()) continue;
            const Size v = at / LANES / WIDE * WIDE;
            panel_of(words, v, r)[at - v * LANES] -= room_.whole[r];
        }
    }

    template <int V>
    void add_bias(const Piece& piece, const Words& words, Size v) {
        const float* const panel = panel_of(words, v, piece.first);
        Vec sum[V]{};
        for (Size r = 0; r < piece.count; ++r)
            for (int i = 0; i < V; ++i) sum[i] += room_.scale[piece.first + r] * load(panel + (r * V + i) * LANES);
        for (int i = 0; i < V; ++i) {
            float* const to = call_.of_bias + (words.first + v + i) * LANES;
            const int count = words_of(words.first + v + i);
            store_first(to, load_first(to, count) + sum[i], count);
        }
    }

    // sums += a * panel for `count` rows. The sums of the next tile are asked for while one is worked on: they come from another cache; and what stands behind
    // the panel, where that is `far`.
    template <int V, class Source>
    static void add_product(const Source& a, Size count, const float* panel, Size depth, bool far, Scattered sums) {
        in_tiles<V>(count, [&](auto rows, Size tile, Size r) {
            const Scattered mine = sums.down(r);
            const Size next = count - r - rows() < rows() ? count - r - rows() : rows();
            for (int i = 0; i < next; ++i)
                for (int v = 0; v < V; ++v) ask_to_write(mine(rows() + i, v));
            const auto pass = asks<V>(far, tile) ? rows_times_panel<rows(), V, true, Source, Scattered, Scattered>
                                                 : rows_times_panel<rows(), V, false, Source, Scattered, Scattered>;
            pass(a, r, 0, panel, ahead_of<V>(panel, depth, tile), depth, mine, mine);
        });
    }

    // Of the words in one panel. Behind it stands that of the next piece.
    template <int V>
    void add_words(const Piece& piece, const Words& words, Size v) {
        const Strided states{room_.turned + place(piece), room_.piece_row};
        add_product<V>(states, piece.width, panel_of(words, v, piece.first), piece.count, true, {gradient_rows_, v * LANES, LANES});
    }

    // Of a piece's states, as columns: exponentials stand by panels of rows.
    void add_states(const Piece& piece, const Words& words) {
        const Size vectors = vectors_of(piece.count), panels = up(vectors, WIDE) / WIDE, wide = up(vectors, panels) / panels;
        for (Size r = 0; r < vectors; r += wide) {
            const Size high = vectors - r < wide ? vectors - r : wide;
            float* const panel = by_rows_ + r * LANES * words.width();
            for (Size v = 0; v < words.vectors; v += WIDE) {
                const Size deep = words.wide(v) * LANES;
                for (Size i = 0; i < high; ++i) {
                    const Size row = (r + i) * LANES, left = piece.count - row;
                    pack_vector(panel + v * LANES * high * LANES + i * LANES, high * LANES, panel_of(words, v, piece.first + row), deep,
                                static_cast<int>(left < LANES ? left : LANES), deep);
                }
            }
            with_vectors(high, [&](auto count) {
                add_product<count()>(Pointers{vector_rows_}, piece.width, panel, words.width(), false, {state_rows_, r * LANES, LANES});
            });
        }
    }

    // A block of gradients, turned, once all chunks have added to it.
    void write_words(const Words& words) {
        const Size width = call_.width;
        for (Size v = 0; v < words.vectors; ++v) {
            const int count = words_of(words.first + v);
            float* const to = call_.of_weight + (words.first + v) * LANES * width;
            for (Size k = 0; k < width; k += LANES) {
                const int deep = static_cast<int>(width - k < LANES ? width - k : LANES);
                Vec square[LANES]{};
                for (int i = 0; i < deep; ++i) square[i] = load(gradients_of_words_ + (k + i) * room_.block_row + v * LANES);
                transpose(square);
                for (int w = 0; w < count; ++w) {
                    float* const at = to + w * width + k;
                    put(at, square[w], deep);
                }
            }
        }
    }

    // The sum of what all runs have found of this thread's pieces.
    void write_states() {
        const Range own = team_.part(chunk_->pieces);
        for (Size p = own.first; p < own.last; ++p) {
            const Piece& piece = chunk_->piece[p];
            for (Size r = 0; r < piece.count; r += LANES)
                for (Size k = 0; k < piece.width; k += LANES) write_square(piece, r, k);
        }
    }

    void write_square(const Piece& piece, Size row, Size first) {
        const Size rows = piece.count - row < LANES ? piece.count - row : LANES, features = piece.width - first < LANES ? piece.width - first : LANES;
        Vec square[LANES]{};
        const Vec scale = some(room_.scale + piece.first + row, static_cast<int>(rows));
        for (Size i = 0; i < features; ++i) {
            const float* const from = room_.of_states + place(piece) + (first + i) * room_.piece_row + row;
            square[i] = load(from);
            for (Size run = 1; run < room_.cut.runs(); ++run) square[i] += load(from + run * room_.chunk_floats);
            square[i] *= scale;
        }
        transpose(square);
        for (Size r = 0; r < rows; ++r) {
            float* const to = call_.of_states + piece.rows[row + r] * call_.width;
            if (whole(piece)) store_first(to + first, square[r], static_cast<int>(features));
            else
                for (Size i = 0; i < features; ++i) to[piece.features[first + i]] = square[r][i];
        }
    }

    const EntropyCall& call_;
    const EntropyPlan& plan_;
    const Team& team_;
    const EntropyRoom room_;
    const Chunk* chunk_ = nullptr;
    float *gradients_of_words_, *by_rows_, *of_states_;
    float *beside_, *sums_;     // of the run's exponentials of each row: what they are relative to, and their sums by lanes
    const float** vector_rows_; // of a piece's features: the vectors of words, their gradients, and those of states
    float **gradient_rows_, **state_rows_;
};

} // namespace unspool::UNSPOOL_ISA
