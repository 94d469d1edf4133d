package daemon

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Without a function there is no effect, and none of its statements.
func TestNothingIsSettledWithoutAFunction(t *testing.T) {
	t.Parallel()
	d := &daemon{cfg: Config{}.WithDefaults()}
	require.NoError(t, d.openSettler(t.Context()), "it needs no database")
	require.Nil(t, d.effects())
	require.NoError(t, d.runSettler(t.Context()))
}

func TestSettleIsAName(t *testing.T) {
	t.Parallel()
	_, err := Config{Settle: "public.settle(uuid)"}.settleFunction()
	require.ErrorContains(t, err, "Settle: \"public.settle(uuid)\" is no name of a function")
}
