// Rows of a batch on several threads: on ones of our own, or on a pool that somebody else keeps.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

// Does one row, in buffers of its own.
using Work = std::function<void(int64_t)>;
// Does `count` rows in shares of at most `most`; false if memory ran out.
using Runner = std::function<bool(int64_t count, int64_t most, const std::function<Work()> &make)>;

// Shares that threads take as they come free.
class Shares {
  public:
    Shares(int64_t count, int64_t most, int64_t threads)
        : count(count), size(std::clamp<int64_t>(count / (4 * std::max<int64_t>(threads, 1)), 1, most)) {}

    int64_t number() const { return (count + size - 1) / size; }
    bool left() const { return next < count; }
    void close() { next = count; }
    bool succeeded() const { return !failed; }

    void work(const std::function<Work()> &make) {
        try {
            if (!left()) return;
            const Work work = make();
            for (;;) {
                const int64_t first = next.fetch_add(size);
                if (first >= count) return;
                for (int64_t row = first; row < std::min(count, first + size); row++) work(row);
            }
        } catch (const std::exception &) {
            failed = true;
        }
    }

  private:
    const int64_t count, size;
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
};

// On threads that end with the call; the caller is one of them.
inline Runner on_own_threads(int64_t threads) {
    return [threads](int64_t count, int64_t most, const std::function<Work()> &make) {
        Shares shares(count, most, threads);
        std::vector<std::thread> others;
        try {
            for (int64_t thread = 1; thread < std::min(threads, shares.number()); thread++)
                others.emplace_back([&] { shares.work(make); });
        } catch (const std::exception &) {
            // fewer threads do the same work
        }
        shares.work(make);
        for (auto &thread : others) thread.join();
        return shares.succeeded();
    };
}

// On a pool: `schedule` hands it a task. The caller works as well, and does not wait for tasks that have not begun: they
// find nothing left to do, whenever they run.
template <class Schedule>
Runner on_pool(int64_t threads, const Schedule &schedule) {
    return [threads, schedule](int64_t count, int64_t most, const std::function<Work()> &make) {
        struct State {
            Shares shares;
            int64_t busy = 0;
            bool closed = false;
            std::mutex lock;
            std::condition_variable idle;
            State(int64_t count, int64_t most, int64_t threads) : shares(count, most, threads) {}
        };
        auto state = std::make_shared<State>(count, most, threads);
        const int64_t helpers = std::min(threads, state->shares.number()) - 1;
        for (int64_t thread = 0; thread < helpers; thread++)
            schedule([state, &make] {
                {
                    const std::lock_guard<std::mutex> hold(state->lock);
                    if (state->closed) return;  // what `make` refers to may be gone
                    state->busy++;
                }
                state->shares.work(make);
                const std::lock_guard<std::mutex> hold(state->lock);
                state->busy--;
                state->idle.notify_one();
            });
        state->shares.work(make);
        std::unique_lock<std::mutex> hold(state->lock);
        state->closed = true;
        state->idle.wait(hold, [&] { return state->busy == 0; });
        return state->shares.succeeded();
    };
}
