package migrations

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever is asked whether rows may be lost is told what they are.
func TestWhatIsLostIsNamed(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(FS, "*.sql")
	require.NoError(t, err)
	lost := map[string]string{}
	for _, name := range files {
		text, err := fs.ReadFile(FS, name)
		require.NoError(t, err)
		addLosses(lost, string(text))
	}
	require.Contains(t, lost, "settlements")
	for table := range lost {
		require.Contains(t, kept, table)
	}
}
