// The state of a search as bytes: a versioned plain layout, checked when it is read.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "island.hpp"

namespace nde {

class Writer {
public:
    template <class T>
    void put(const T& v) {
        static_assert(std::is_arithmetic_v<T>, "plain numbers only");
        bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
    }
    void put(const Tree& t);
    void put(const Individual& m);
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

/// Throws std::invalid_argument where the bytes end early or hold what cannot be.
class Reader {
public:
    Reader(const std::string& bytes, int features) : bytes_(bytes), features_(features) {}

    template <class T>
    T get() {
        static_assert(std::is_arithmetic_v<T>, "plain numbers only");
        if (at_ + sizeof(T) > bytes_.size()) throw std::invalid_argument("the checkpoint ends too early");
        T v;
        std::memcpy(&v, bytes_.data() + at_, sizeof v);
        at_ += sizeof v;
        return v;
    }
    /// A count of things of at least one byte each, at most `most`.
    std::size_t count(std::size_t most);
    Tree tree();
    Individual individual();
    bool at_end() const { return at_ == bytes_.size(); }

private:
    const std::string& bytes_;
    std::size_t at_ = 0;
    int features_;
};

void write_hall_of_fame(Writer& w, const HallOfFame& hall_of_fame);
void read_hall_of_fame(Reader& r, HallOfFame& hall_of_fame, int targets);

}  // namespace nde
