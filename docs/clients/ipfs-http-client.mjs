// Add, find, read and unpin a file with ipfs-http-client. Usage: node ipfs-http-client.mjs URL, for example http://127.0.0.1:9095
import { create } from 'ipfs-http-client'

const client = create({ url: process.argv[2] })

const { cid } = await client.add('hello from ipfs-http-client\n', { cidVersion: 1, pin: true })
for await (const pin of client.pin.ls({ paths: cid, type: 'recursive' })) {
  console.log(pin.cid.toString(), pin.type)
}
for await (const chunk of client.cat(cid)) {
  process.stdout.write(chunk)
}
console.log('unpinned', (await client.pin.rm(cid)).toString())
