// Add, find, read and unpin a file with kubo-rpc-client. Usage: node kubo-rpc-client.mjs URL, for example http://127.0.0.1:9095
import { create } from 'kubo-rpc-client'

const client = create({ url: process.argv[2] })

const { cid } = await client.add('hello from kubo-rpc-client\n', { cidVersion: 1, pin: true })
for await (const pin of client.pin.ls({ paths: cid, type: 'recursive' })) {
  console.log(pin.cid.toString(), pin.type)
}
for await (const chunk of client.cat(cid)) {
  process.stdout.write(chunk)
}
console.log('unpinned', (await client.pin.rm(cid)).toString())
