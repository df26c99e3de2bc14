import { build } from "esbuild"; import { gzipSync } from "node:zlib";
async function size(code){ const r=await build({stdin:{contents:code,resolveDir:process.cwd(),sourcefile:"entry.ts"},bundle:true,minify:true,format:"esm",platform:"neutral",target:"es2022",external:["node:*"],write:false,logLevel:"silent",
 plugins:[{name:"later",setup(b){b.onResolve({filter:/.*/},a=>a.kind==="dynamic-import"?{path:a.path,external:true}:undefined)}}]});
 const f=r.outputFiles[0].contents; return [f.length,gzipSync(f,{level:9}).length]; }
const S='export { Store } from "./src/core/store.ts"; export { memory } from "./src/backends/memory.ts";';
const a=await size(S), b=await size(S+'export {Region} from "./src/cache/region.ts";');
console.log(a,b,"beyond",b[0]-a[0],b[1]-a[1]);
