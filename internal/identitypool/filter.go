// Package identitypool evaluates what an identity pool says about the claims of a token or about a client's
// certificate: whether the filter lets it use the pool, and who it says that it is. Filters are CEL, the Common
// Expression Language (https://cel.dev), as in the public service:
// claims.aud == "kafka" && claims.sub.startsWith("svc-"), or O == "Example" && CN.endsWith(".orders").
package identitypool

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/types"

	"github.com/orrery-kafka/orrery"
)

const (
	// MaxFilter bounds a filter, in characters: the public service's bound.
	MaxFilter = 300
	// maxDepth bounds how deep a filter's expressions nest, and maxCost what one evaluation may do, in CEL's own
	// unit: about one for each operation, each element of a list and each ten characters of a string.
	maxDepth = 32
	maxCost  = 20_000
)

// ErrFilter is a token that a filter does not let in. Its text holds nothing of the token.
var ErrFilter = errors.New("the identity pool's filter does not let the token in")

// Filter is a compiled filter over claims. It is for concurrent use.
type Filter struct{ program cel.Program }

// environment is what filters may use: variables, the standard operators and functions, and the macros has, all, exists
// and exists_one. The macros that build lists are left out.
func environment(variables []cel.EnvOption) (*cel.Env, error) {
	return cel.NewEnv(append(variables,
		cel.ClearMacros(), cel.Macros(cel.HasMacro, cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro),
		cel.CrossTypeNumericComparisons(true), // a number in JSON has no type
		cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(MaxFilter),
	)...)
}

// Compile reads a filter over claims. The error is Invalid, about the field /filter, and says where it is wrong.
func Compile(filter string) (*Filter, error) {
	program, err := compile(filter, "claims", cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)))
	if err != nil {
		return nil, err
	}
	return &Filter{program}, nil
}

func compile(filter, over string, variables ...cel.EnvOption) (cel.Program, error) {
	if n := utf8.RuneCountInString(filter); n == 0 || n > MaxFilter || !utf8.ValidString(filter) {
		return nil, orrery.InvalidField("/filter", "the filter has %d characters; 1 to %d, in UTF-8, are allowed", n, MaxFilter)
	}
	env, err := environment(variables)
	if err != nil {
		return nil, fmt.Errorf("making the environment of filters: %w", err)
	}
	ast, issues := env.Compile(filter)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, orrery.InvalidField("/filter", "the filter is not a CEL expression over %s: %s, at %s", over, clip(first.Message), place(first))
	}
	if !ast.OutputType().IsExactType(cel.BoolType) && !ast.OutputType().IsExactType(cel.DynType) {
		return nil, orrery.InvalidField("/filter", "the filter gives %s; it must be true or false", ast.OutputType())
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, orrery.InvalidField("/filter", "the filter cannot be evaluated: %s", clip(err.Error()))
	}
	return program, nil
}

func place(e *common.Error) string {
	return fmt.Sprintf("line %d, column %d", e.Location.Line(), e.Location.Column()+1)
}

// Check returns ErrFilter unless the filter is true of the claims, each a JSON document. A claim that the filter names
// and the token has not makes it not true; has(claims.name) asks for one.
func (f *Filter) Check(claims map[string]json.RawMessage) error {
	values := make(map[string]any, len(claims))
	for name, document := range claims {
		var value any
		if err := json.Unmarshal(document, &value); err != nil {
			return fmt.Errorf("%w: one of its claims is not JSON", ErrFilter)
		}
		values[name] = value
	}
	result, _, err := f.program.Eval(map[string]any{"claims": values})
	switch {
	case err != nil:
		return fmt.Errorf("%w: it names a claim that the token has not, or has as another type, or takes too long", ErrFilter)
	case result != types.True:
		return ErrFilter
	}
	return nil
}

// clip bounds what an error repeats of a filter.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	for most := most; ; most-- {
		if utf8.RuneStart(text[most]) {
			return text[:most] + "…"
		}
	}
}
