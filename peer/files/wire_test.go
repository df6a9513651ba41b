package files

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

func TestHoldItemsAreReadAsWritten(t *testing.T) {
	items := []holdItem{
		{named(t, "with content"), true, []byte("content")},
		{named(t, "empty content"), true, []byte{}},
		{cid: named(t, "without content")},
	}
	var list bytes.Buffer
	for _, item := range items {
		item.appendTo(&list)
	}
	whole := list.Bytes()
	r := bufio.NewReader(bytes.NewReader(whole))
	for _, want := range items {
		got, err := readHoldItem(r)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := readHoldItem(r); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	// A list that is cut anywhere but between two items is noticed.
	first := new(bytes.Buffer)
	items[0].appendTo(first)
	for n := 1; n < first.Len(); n++ {
		if _, err := readHoldItem(bufio.NewReader(bytes.NewReader(whole[:n]))); !errors.Is(err, errMalformed) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func FuzzReadHoldItem(f *testing.F) {
	var list bytes.Buffer
	holdItem{named(f, "seed"), true, []byte("content")}.appendTo(&list)
	f.Add(list.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, list []byte) {
		for r := bufio.NewReader(bytes.NewReader(list)); ; {
			if _, err := readHoldItem(r); err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errMalformed) {
					t.Errorf("unexpected error: %v", err)
				}
				return
			}
		}
	})
}
