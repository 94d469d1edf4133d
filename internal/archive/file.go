package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

var _ Store = (*files)(nil)

// files is a store in a folder. No key leads out of it.
type files struct{ dir string }

// open opens the folder, and makes it if it is not there. It is opened for each call, since
// a folder that is mounted later replaces it.
func (f *files) open() (*os.Root, error) {
	if err := os.MkdirAll(f.dir, 0o755); err != nil { //nolint:gosec // a web server reads the files
		return nil, err
	}
	return os.OpenRoot(f.dir)
}

// Put implements Store: by a file with another name, which gets its own once it is whole and
// on the disk. What a crash leaves behind is removed by the next attempt. So is the file of an
// attempt that still runs, because another daemon has claimed the copy since: it goes on in a
// file without a name, and is given up.
func (f *files) Put(_ context.Context, o Object, body io.Reader) error {
	root, err := f.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(o.Key), 0o755); err != nil {
		return err
	}
	part := path.Join(path.Dir(o.Key), "."+path.Base(o.Key)+".part")
	if err := root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	if err == nil {
		err = file.Sync()
	}
	taken := !isNamed(root, part, file) // while it is open: a number of a file is used again
	switch err = errors.Join(err, file.Close()); {
	case taken:
		return errors.Join(err, errTaken)
	case err != nil:
		_ = root.Remove(part)
		return err
	}
	return root.Rename(part, o.Key)
}

// isNamed reports whether the name still leads to the open file.
func isNamed(root *os.Root, name string, file *os.File) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := root.Lstat(name)
	return err == nil && os.SameFile(mine, named)
}

// errTaken says that another attempt has begun with the same file.
var errTaken = errors.New("another attempt writes the file")

// Size implements Store.
func (f *files) Size(_ context.Context, key string) (int64, error) {
	root, err := f.open()
	if err != nil {
		return 0, err
	}
	defer root.Close()
	info, err := root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return -1, nil
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is no file", key)
	}
	return info.Size(), nil
}

// Remove implements Store.
func (f *files) Remove(_ context.Context, key string) error {
	root, err := f.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(key); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Abort implements Store: there are no parts.
func (f *files) Abort(context.Context, string, string) error { return nil }
