// Package xmldoc has XML documents as ActionScript 1 knows them: a tree of elements and texts, read leniently and written
// the way Flash wrote it (server-side-api 2.10). It knows no scripts.
//
// Nothing here recurses, so that a document may be as deep as its limits allow.
package xmldoc
