package archive

import (
	"context"
	"io"
)

// Object is what is stored.
type Object struct {
	Key, ContentType string
	// Begun is called with the id of a multipart upload before its first part is sent.
	Begun func(ctx context.Context, uploadID string) error
}

// Store is where objects go. Its errors hold neither credentials nor content.
type Store interface {
	// Put stores what body holds under the key. If body ends with an error, there is no
	// object, or the one that was there before.
	Put(ctx context.Context, o Object, body io.Reader) error
	// Size returns the length of an object; -1 if there is none.
	Size(ctx context.Context, key string) (int64, error)
	// Remove deletes an object. An object that is not there is no error.
	Remove(ctx context.Context, key string) error
	// Abort ends a multipart upload that was left behind, and deletes its parts. An
	// upload that is not there is no error.
	Abort(ctx context.Context, key, uploadID string) error
}

// openStore opens the store of an address. It sends no request.
func openStore(t target) (Store, error) {
	if t.bucket == "" {
		return &files{t.dir}, nil
	}
	return openS3(t)
}
