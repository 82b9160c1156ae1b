#include "formula_template.hpp"

#include "individual.hpp"

namespace nde {

int FormulaTemplate::owner(const Tree& t, int root) const {
    int found = -2;
    for (int i = t.begin(root); i <= root; ++i) {
        if (t.nodes[i].op != Op::Variable) continue;
        const int j = function_of(t.nodes[i].feature);
        if (found == -2) found = j;
        else if (found != j) return -1;
    }
    return found < 0 ? -1 : found;
}

bool assigned(const Tree& tree, const FormulaTemplate& formula_template) {
    int roots[kMaxTerms];
    const int n = term_roots(tree, roots);
    for (int k = 0; k < n; ++k)
        if (formula_template.owner(tree, roots[k]) < 0) return false;
    return true;
}

bool assign(const Tree& tree, const FormulaTemplate& formula_template, int limit, Random& random, Tree& out) {
    Tree t = tree;
    int roots[kMaxTerms];
    const int n = term_roots(t, roots);
    for (int k = 0; k < n; ++k) {
        int own = -1;
        for (int i = t.begin(roots[k]); i <= roots[k]; ++i) {
            Node& node = t.nodes[i];
            if (node.op != Op::Variable) continue;
            if (own < 0) own = formula_template.function_of(node.feature);
            if (formula_template.function_of(node.feature) == own) continue;
            const int begin = formula_template.first[own], count = formula_template.first[own + 1] - begin;
            int to = begin + random.below(count);
            for (int a = begin; a < begin + count; ++a)
                if (formula_template.source[static_cast<std::size_t>(a)] == formula_template.source[node.feature]) to = a;
            node.feature = static_cast<std::uint16_t>(to);
        }
    }
    return normalise(t, limit, out);
}

}  // namespace nde
