// Operands and results of a custom call as a batch: leading axes, each of length 1 where an operand does not vary.
#pragma once

#include "kernels.h"

#include "xla/ffi/api/ffi.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <memory>
#include <vector>

namespace ffi = xla::ffi;
using Dims = ffi::Span<const int64_t>;

// Which of the leading axes tell graphs apart (rows), which groups, and which clocks.
struct Axes {
    std::vector<int64_t> lengths;
    std::vector<size_t> of_rows, of_groups, of_clocks;

    int64_t number(const std::vector<size_t> &axes) const {
        int64_t count = 1;
        for (size_t axis : axes) count *= lengths[axis];
        return count;
    }

    // Where an array with its own lengths of the leading axes, and entries of `each` numbers, has what.
    template <class T>
    View<T> view(T *data, Dims own, int64_t each) const {
        return {data, places(of_rows, own, each), places(of_groups, own, each), places(of_clocks, own, each)};
    }

  private:
    std::vector<int64_t> places(const std::vector<size_t> &axes, Dims own, int64_t each) const {
        std::vector<int64_t> steps(lengths.size(), 0), found{0};
        int64_t step = each;
        for (size_t axis = lengths.size(); axis-- > 0;) steps[axis] = own[axis] == 1 ? 0 : step, step *= own[axis];
        for (size_t axis : axes) {
            std::vector<int64_t> more;
            more.reserve(found.size() * static_cast<size_t>(lengths[axis]));
            for (int64_t before : found)
                for (int64_t k = 0; k < lengths[axis]; k++) more.push_back(before + k * steps[axis]);
            found = std::move(more);
        }
        return found;
    }
};

// The arrays of a call. Numbers may be float32: they are copied as float64.
class Call {
  public:
    Axes axes;

    Call(ffi::RemainingArgs arguments, ffi::RemainingRets results, ffi::Dictionary attributes)
        : arguments(arguments), results(results), attributes(attributes) {
        for (size_t k = 0; k < results.size(); k++) in_large_pages(result(k));
    }

    ffi::AnyBuffer argument(size_t k) const { return *arguments.get<ffi::AnyBuffer>(k); }
    ffi::AnyBuffer result(size_t k) const { return **results.get<ffi::AnyBuffer>(k); }
    int64_t number(std::string_view name) const { return *attributes.get<int64_t>(name); }
    ffi::Span<const int64_t> numbers_named(std::string_view name) const {
        return *attributes.get<ffi::Span<const int64_t>>(name);
    }
    double real(std::string_view name) const { return *attributes.get<double>(name); }

    // Takes in the axes of an argument whose last `own` axes are not leading ones.
    void spread(size_t k, int64_t own, bool graph) {
        const Dims dims = argument(k).dimensions();
        const size_t leading = dims.size() - static_cast<size_t>(own);
        axes.lengths.resize(leading, 1), is_graph.resize(leading, false);
        for (size_t axis = 0; axis < leading; axis++) {
            axes.lengths[axis] = dims[axis] == 1 ? axes.lengths[axis] : dims[axis];
            if (graph && dims[axis] != 1) is_graph[axis] = true;
        }
    }

    // Sorts the axes; those of `together` are clocks, what else does not tell graphs apart are groups.
    void sort_axes(ffi::Span<const int64_t> together) {
        for (size_t axis = 0; axis < axes.lengths.size(); axis++)
            (is_graph[axis] ? axes.of_rows : together[axis] ? axes.of_clocks : axes.of_groups).push_back(axis);
    }

    View<const double> numbers(size_t k, int64_t each) {
        const ffi::AnyBuffer buffer = argument(k);
        if (buffer.element_type() == ffi::F64) return axes.view(buffer.reinterpret_data<const double>(), buffer.dimensions(), each);
        const float *from = buffer.reinterpret_data<const float>();
        copies.emplace_back(from, from + buffer.element_count());
        return axes.view(static_cast<const double *>(copies.back().data()), buffer.dimensions(), each);
    }

    template <class T>
    View<const T> whole(size_t k, int64_t each) const {
        return axes.view(argument(k).reinterpret_data<const T>(), argument(k).dimensions(), each);
    }

    template <class T>
    View<T> to(size_t k, int64_t each) const {
        return axes.view(result(k).reinterpret_data<T>(), result(k).dimensions(), each);
    }

    // A result that is found as float64, whatever it is to be; `put` writes it.
    View<double> numbers_to(size_t k, int64_t each) {
        const ffi::AnyBuffer buffer = result(k);
        if (buffer.element_type() == ffi::F64) return axes.view(buffer.reinterpret_data<double>(), buffer.dimensions(), each);
        found.push_back({k, std::vector<double>(buffer.element_count())});
        return axes.view(found.back().values.data(), buffer.dimensions(), each);
    }

    void put() const {
        for (const Found &each : found) {
            float *to = result(each.place).reinterpret_data<float>();
            for (size_t k = 0; k < each.values.size(); k++) to[k] = static_cast<float>(each.values[k]);
        }
    }

  private:
    // The kernel zeroes memory page by page when it is first written to, which for a large result takes as long as
    // the solve: it is asked for pages of 2 MB.
    static void in_large_pages([[maybe_unused]] const ffi::AnyBuffer &buffer) {
#if defined(MADV_HUGEPAGE)
        constexpr uintptr_t LARGE = 1 << 21, SMALL = 1 << 12;
        const auto begin = reinterpret_cast<uintptr_t>(buffer.untyped_data());
        const uintptr_t first = (begin + SMALL - 1) / SMALL * SMALL, last = (begin + buffer.size_bytes()) / SMALL * SMALL;
        if (last > first + 2 * LARGE) madvise(reinterpret_cast<void *>(first), last - first, MADV_HUGEPAGE);
#endif
    }

    struct Found {
        size_t place;
        std::vector<double> values;
    };

    ffi::RemainingArgs arguments;
    ffi::RemainingRets results;
    ffi::Dictionary attributes;
    std::vector<bool> is_graph;
    std::vector<std::vector<double>> copies;
    std::vector<Found> found;
};
