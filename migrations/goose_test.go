package migrations_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/migrations"
)

// stockGoose is how the goose command that CI must use prints its version.
const stockGoose = "goose version: v3.29.0"

func TestStockGooseAndOursAgree(t *testing.T) {
	t.Parallel()
	goose := gooseCommand(t)
	last := strconv.FormatInt(newest(t), 10)

	t.Run("goose up, then ours", func(t *testing.T) {
		t.Parallel()
		b := setupEmpty(t)
		require.Contains(t, runGoose(t, goose, b.url, "up"), "successfully migrated database to version: "+last)
		pending, err := b.migrator.Pending(t.Context())
		require.NoError(t, err)
		require.False(t, pending)
		require.Empty(t, b.up(t))
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), dump(t, b.url))

		_, err = b.migrator.DownTo(t.Context(), 0)
		require.NoError(t, err)
		require.Contains(t, runGoose(t, goose, b.url, "version"), "version 0")
	})

	t.Run("ours, then goose", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		golden := dump(t, b.url)
		require.NotContains(t, runGoose(t, goose, b.url, "status"), "Pending")
		require.Contains(t, runGoose(t, goose, b.url, "up"), "no migrations to run. current version: "+last)

		runGoose(t, goose, b.url, "down-to", "0")
		require.NotContains(t, dump(t, b.url), "tasksync.")
		require.Equal(t, int(newest(t)), strings.Count(runGoose(t, goose, b.url, "status"), "Pending"))
		list, err := b.migrator.Status(t.Context())
		require.NoError(t, err)
		for _, a := range list {
			require.True(t, a.Pending, a.Source)
		}

		runGoose(t, goose, b.url, "up")
		require.Equal(t, golden, dump(t, b.url))
	})
}

// gooseCommand returns the stock goose command: the one in PATH if it has that
// version, or one built from tools/go.mod.
func gooseCommand(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("goose"); err == nil {
		if out, err := exec.CommandContext(t.Context(), path, "--version").Output(); err == nil && strings.TrimSpace(string(out)) == stockGoose {
			return path
		}
	}
	path := filepath.Join(t.TempDir(), "goose")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../tools", "-o", path,
		"-tags", "no_azuresql,no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_vertica,no_ydb",
		"github.com/pressly/goose/v3/cmd/goose")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "build goose (or put v3.29.0 into PATH): %s", out)
	out, err = exec.CommandContext(t.Context(), path, "--version").Output()
	require.NoError(t, err)
	require.Equal(t, stockGoose, strings.TrimSpace(string(out)))
	return path
}

// runGoose runs the command as the documentation gives it, and returns its output.
func runGoose(t *testing.T, goose, url string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), goose, append([]string{"-dir", ".", "postgres", url}, args...)...)
	cmd.Env = append(os.Environ(), "GOOSE_TABLE="+migrations.Table)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}
