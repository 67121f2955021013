// task: 4.8
// region: 4.8b
// test: product.copies_no_operand
// state: FAIL
// cause: copied to transpose it
return matmul(a.transpose(-2, -1).contiguous(), g);
