#include "scheme.hpp"

#include "member.hpp"

namespace nde {

int Scheme::owner(const Tree& t, int root) const {
    int found = -2;
    for (int i = t.begin(root); i <= root; ++i) {
        if (t.nodes[i].op != Op::Variable) continue;
        const int j = function_of(t.nodes[i].feature);
        if (found == -2) found = j;
        else if (found != j) return -1;
    }
    return found < 0 ? -1 : found;
}

bool assigned(const Tree& tree, const Scheme& scheme) {
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    for (int k = 0; k < n; ++k)
        if (scheme.owner(tree, roots[k]) < 0) return false;
    return true;
}

bool assign(const Tree& tree, const Scheme& scheme, int limit, Random& random, Tree& out) {
    Tree t = tree;
    int roots[kMaxTerms];
    const int n = term_roots(t, roots);
    for (int k = 0; k < n; ++k) {
        int own = -1;
        for (int i = t.begin(roots[k]); i <= roots[k]; ++i) {
            Node& node = t.nodes[i];
            if (node.op != Op::Variable) continue;
            if (own < 0) own = scheme.function_of(node.feature);
            if (scheme.function_of(node.feature) == own) continue;
            const int begin = scheme.first[own], count = scheme.first[own + 1] - begin;
            int to = begin + random.below(count);
            for (int a = begin; a < begin + count; ++a)
                if (scheme.source[static_cast<std::size_t>(a)] == scheme.source[node.feature]) to = a;
            node.feature = static_cast<std::uint16_t>(to);
        }
    }
    return normalise(t, limit, out);
}

}  // namespace nde
