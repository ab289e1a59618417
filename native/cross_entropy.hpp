// Cross-entropy of a softmax over a vocabulary, and its gradients. Each thread has some of the words: the product with their vectors, a pass that finds the
// sum of all exponentials, then probabilities take the place of logits and give both gradients while they are in the cache. Rows of one group lack the same
// features where dropout has one mask for all their steps: what is dropped is left out of all three products.
#pragma once

#include <float.h>
#include <math.h>

#include "cross_entropy_room.hpp"
#include "team.hpp"

namespace unspool::UNSPOOL_ISA {

class CrossEntropy {
public:
    CrossEntropy(const EntropyCall& call, const EntropyPlan& plan, const Team& team, float* base)
        : call_(call), plan_(plan), team_(team), own_(team.part(vectors_of(call.words))), room_(call, plan, team.threads, base) {
        const Size thread = team.thread;
        by_words_ = room_.by_words + thread * room_.panels_floats;
        by_rows_ = room_.by_rows + thread * room_.panels_floats;
        of_states_ = room_.of_states + thread * room_.chunk_floats;
        vector_rows_ = room_.vector_rows + thread * call.width;
        gradient_rows_ = room_.gradient_rows + thread * call.width;
        state_rows_ = room_.state_rows + thread * call.width;
    }

    void operator()() {
        if (!plan_.chunks && call_.of_weight) std::memset(call_.of_weight + own_.first * LANES * call_.width, 0, own_words() * call_.width * sizeof(float));
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
    // Words of which a thread works at the same time.
    struct Words {
        Size first, vectors; // in vectors
        Size number;         // among the blocks of all threads
        UNSPOOL_INLINE Size word() const { return first * LANES; }
        UNSPOOL_INLINE Size width() const { return vectors * LANES; }
        UNSPOOL_INLINE Size wide(Size vector) const { return vectors - vector < WIDE ? vectors - vector : WIDE; } // of the panel from there on
    };

    template <class Work>
    UNSPOOL_INLINE void blocks(Work work) {
        Size number = own_.first / room_.block + team_.thread;
        for (Size first = own_.first; first < own_.last; first += room_.block)
            work(Words{first, own_.last - first < room_.block ? own_.last - first : room_.block, number++});
    }

    UNSPOOL_INLINE int words_of(Size vector) const {
        const Size left = call_.words - vector * LANES;
        return static_cast<int>(left < LANES ? left : LANES);
    }

    UNSPOOL_INLINE Size own_words() const { return (own_.last * LANES < call_.words ? own_.last * LANES : call_.words) - own_.first * LANES; }

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
            if (!call_.of_weight) continue;
            for (Size r = 0; r < piece.count; r += LANES) {
                const Size left = piece.count - r;
                pack_vector(room_.turned + place(piece) + r, room_.piece_row, to + r * room_.states_row, room_.states_row,
                            static_cast<int>(left < LANES ? left : LANES), piece.width);
            }
        }
    }

    UNSPOOL_INLINE float* words_as_columns(const Words& words) const { return room_.vectors + words.number * room_.block_floats; }

    // Vectors of a block of words as columns.
    void pack(const Words& words) {
        for (Size v = 0; v < words.vectors; ++v)
            pack_vector(words_as_columns(words) + v * LANES, room_.block_row, call_.weight + (words.first + v) * LANES * call_.width, call_.width,
                        words_of(words.first + v), call_.width);
    }

    // Logits of all rows and this thread's words; of every row the largest, and the sum of exponentials beside it.
    void surprise() {
        float* const most = room_.most + team_.thread * plan_.most_rows;
        float* const sum = room_.sum + team_.thread * plan_.most_rows;
        for (Size r = 0; r < chunk_->rows; ++r) most[r] = -FLT_MAX, sum[r] = 0; // finite, beside which words that are ruled out are nothing
        blocks([&](const Words& words) {
            if (chunk_ == plan_.chunk) pack(words);
            for (Size p = 0; p < chunk_->pieces; ++p) {
                const Piece& piece = chunk_->piece[p];
                read_from(piece, words);
                for (Size v = 0; v < words.vectors; v += WIDE)
                    with_vectors(words.wide(v), [&](auto vectors) { logits<vectors()>(piece, words, v); });
                for (Size r = 0; r < piece.count; ++r) {
                    float* const row = logits_of(piece.first + r, words);
                    const Size at = call_.truth[piece.rows[r]] - words.word();
                    if (0 <= at && at < words.width()) room_.truth[piece.first + r] = row[at];
                    add_up(row, words.width(), most[piece.first + r], sum[piece.first + r]);
                    if (call_.learns()) room_.beside[words.number * plan_.most_rows + piece.first + r] = most[piece.first + r];
                }
            }
        });
    }

    UNSPOOL_INLINE float* logits_of(Size row, const Words& words) const {
        return room_.logits + (call_.learns() ? words.word() : team_.thread * room_.block * LANES) * plan_.most_rows + row * words.width();
    }

    template <int V>
    void logits(const Piece& piece, const Words& words, Size v) {
        alignas(64) float bias[V * LANES];
        for (int i = 0; i < V; ++i) {
            const int count = words_of(words.first + v + i);
            store(bias + i * LANES, first_lanes(some(call_.bias + (words.first + v + i) * LANES, count), count, -INFINITY));
        }
        product_with_rows<V>(Strided{states_of(piece), room_.states_row}, piece.count, vector_rows_, v * LANES, piece.width, {bias, 0, LANES},
                             {logits_of(piece.first, words) + v * LANES, words.width(), LANES});
    }

    // Exponentials beside the largest so far take the place of logits.
    static UNSPOOL_INLINE void add_up(float* row, Size width, float& largest, float& sum) {
        Vec so_far = splat(largest);
        for (Size i = 0; i < width; i += LANES) so_far = at_least(load(row + i), so_far);
        const float found = most(so_far);
        Vec all{};
        for (Size i = 0; i < width; i += LANES) {
            const Vec e = exp(load(row + i) - found);
            store(row + i, e);
            all += e;
        }
        sum *= largest == found ? 1 : ::expf(largest - found);
        sum += added(all);
        largest = found;
    }

    // What all threads have found of this thread's rows.
    void settle() {
        const Range own = team_.part(chunk_->pieces);
        for (Size p = own.first; p < own.last; ++p) {
            const Piece& piece = chunk_->piece[p];
            for (Size i = 0; i < piece.count; ++i) {
                const Size r = piece.first + i;
                float most = -INFINITY, sum = 0;
                for (int t = 0; t < team_.threads; ++t) most = ::fmaxf(most, room_.most[t * plan_.most_rows + r]);
                for (int t = 0; t < team_.threads; ++t) {
                    const float one = room_.most[t * plan_.most_rows + r];
                    if (const float part = room_.sum[t * plan_.most_rows + r]; part != 0) sum += part * ::expf(one - most);
                }
                room_.lse[r] = most + ::logf(sum);
                call_.surprise[piece.rows[i]] = room_.lse[r] - room_.truth[r];
            }
        }
    }

    // Probabilities less the truth in place of logits, and what follows of them.
    void gradients() {
        if (call_.of_states) std::memset(of_states_, 0, chunk_->pieces * room_.piece_floats * sizeof(float));
        blocks([&](const Words& words) {
            gradients_of_words_ = room_.gradients + (plan_.chunks > 1 ? words.number : team_.thread) * room_.block_floats;
            if (call_.of_weight && chunk_ == plan_.chunk) std::memset(gradients_of_words_, 0, call_.width * room_.block_row * sizeof(float));
            for (Size p = 0; p < chunk_->pieces; ++p) {
                const Piece& piece = chunk_->piece[p];
                read_from(piece, words);
                add_to(piece);
                probabilities(piece, words);
                for (Size v = 0; v < words.vectors; v += WIDE)
                    with_vectors(words.wide(v), [&](auto vectors) {
                        if (call_.of_bias) add_bias<vectors()>(piece, words, v);
                        if (call_.of_weight) add_words<vectors()>(piece, v);
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

    // By panels of words: of each, all rows of the piece.
    void probabilities(const Piece& piece, const Words& words) {
        alignas(64) float scales[EntropyRoom::PIECE];
        for (Size r = 0; r < piece.count; r += LANES) {
            const int count = static_cast<int>(piece.count - r < LANES ? piece.count - r : LANES);
            store(scales + r, exp(some(room_.beside + words.number * plan_.most_rows + piece.first + r, count) - some(room_.lse + piece.first + r, count)));
        }
        for (Size r = 0; r < piece.count; ++r) {
            const float* const row = logits_of(piece.first + r, words);
            const float share = call_.shares[piece.rows[r]], scale = share * scales[r];
            for (Size v = 0; v < words.vectors; v += WIDE) {
                const Size wide = words.wide(v);
                float* const to = by_words_ + v * LANES * piece.count + r * wide * LANES;
                for (Size i = 0; i < wide; ++i) store(to + i * LANES, scale * load(row + (v + i) * LANES));
            }
            const Size at = call_.truth[piece.rows[r]] - words.word();
            if (at < 0 || at >= words.width()) continue;
            const Size v = at / LANES / WIDE * WIDE;
            by_words_[v * LANES * piece.count + r * words.wide(v) * LANES + at - v * LANES] -= share;
        }
    }

    template <int V>
    void add_bias(const Piece& piece, const Words& words, Size v) {
        const float* const panel = by_words_ + v * LANES * piece.count;
        Vec sum[V]{};
        for (Size r = 0; r < piece.count; ++r)
            for (int i = 0; i < V; ++i) sum[i] += load(panel + (r * V + i) * LANES);
        for (int i = 0; i < V; ++i) {
            float* const to = call_.of_bias + (words.first + v + i) * LANES;
            const int count = words_of(words.first + v + i);
            store_first(to, load_first(to, count) + sum[i], count);
        }
    }

    // sums += a * panel for `count` rows. The sums of the next tile are asked for while one is worked on: they come from another cache.
    template <int V, class Source>
    static void add_product(const Source& a, Size count, const float* panel, Size depth, Scattered sums) {
        in_tiles<V>(count, [&](auto rows, Size, Size r) {
            const Scattered mine = sums.down(r);
            const Size next = count - r - rows() < rows() ? count - r - rows() : rows();
            for (int i = 0; i < next; ++i)
                for (int v = 0; v < V; ++v) ask_to_write(mine(rows() + i, v));
            rows_times_panel<rows(), V, false>(a, r, 0, panel, nullptr, depth, mine, mine);
        });
    }

    // Of the words in one panel.
    template <int V>
    void add_words(const Piece& piece, Size v) {
        const Strided states{room_.turned + place(piece), room_.piece_row};
        add_product<V>(states, piece.width, by_words_ + v * LANES * piece.count, piece.count, {gradient_rows_, v * LANES, LANES});
    }

    // Of a piece's states, as columns: probabilities stand by panels of rows.
    void add_states(const Piece& piece, const Words& words) {
        const Size vectors = vectors_of(piece.count), panels = up(vectors, WIDE) / WIDE, wide = up(vectors, panels) / panels;
        for (Size r = 0; r < vectors; r += wide) {
            const Size high = vectors - r < wide ? vectors - r : wide;
            float* const panel = by_rows_ + r * LANES * words.width();
            for (Size v = 0; v < words.vectors; v += WIDE) {
                const Size deep = words.wide(v) * LANES;
                for (Size i = 0; i < high; ++i) {
                    const Size row = (r + i) * LANES, left = piece.count - row;
                    pack_vector(panel + v * LANES * high * LANES + i * LANES, high * LANES, by_words_ + v * LANES * piece.count + row * deep, deep,
                                static_cast<int>(left < LANES ? left : LANES), deep);
                }
            }
            with_vectors(high, [&](auto count) {
                add_product<count()>(Pointers{vector_rows_}, piece.width, panel, words.width(), {state_rows_, r * LANES, LANES});
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

    // The sum of what all threads have found of this thread's pieces.
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
        for (Size i = 0; i < features; ++i) {
            const float* const from = room_.of_states + place(piece) + (first + i) * room_.piece_row + row;
            square[i] = load(from);
            for (int t = 1; t < team_.threads; ++t) square[i] += load(from + t * room_.chunk_floats);
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
    const Range own_; // vectors of words
    const EntropyRoom room_;
    const Chunk* chunk_ = nullptr;
    float *gradients_of_words_, *by_words_, *by_rows_, *of_states_;
    const float** vector_rows_; // of a piece's features: the vectors of words, their gradients, and those of states
    float **gradient_rows_, **state_rows_;
};

} // namespace unspool::UNSPOOL_ISA
